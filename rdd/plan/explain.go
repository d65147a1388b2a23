package plan

// Way is how operators run.
type Way string

// The ways in which operators run.
const (
	Fused    Way = "fused"    // several operators in one generated loop
	Compiled Way = "compiled" // one operator as a generated loop
	Composed Way = "composed" // one operator as generated code, called by the library's loop
	Closure  Way = "closure"  // the program's own function, called by the library's loop
	Whole    Way = "whole"    // an operator that sees the partition as a whole
)

// PieceExplain is a run of operators that are executed together.
type PieceExplain struct {
	Ops []Op
	Way Way
	Why string // why they are not fused with what is around them; empty when nothing could be
}

// PipeExplain is how a pipe runs: its source, then its pieces. The last piece
// may end with the stage's sink.
type PipeExplain struct {
	Source Op
	Union  []PipeExplain
	Inputs []PipeExplain // narrow sides of a wide operator
	Pieces []PieceExplain
}

// StageExplain is how a stage runs.
type StageExplain struct {
	Stage Stage
	Pipe  PipeExplain
}
