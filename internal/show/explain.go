package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Plans gathers explained actions. Those that look alike, as the rounds of a
// loop do, are drawn once with their number.
type Plans struct {
	order []string
	count map[string]int
}

// Add adds an action.
func (p *Plans) Add(x *wire.Explained) {
	if p.count == nil {
		p.count = map[string]int{}
	}
	text := Explain(x)
	if p.count[text] == 0 {
		p.order = append(p.order, text)
	}
	p.count[text]++
}

// Len is the number of actions.
func (p *Plans) Len() (n int) {
	for _, c := range p.count {
		n += c
	}
	return n
}

// Draw writes the actions in the order in which they came first.
func (p *Plans) Draw(w io.Writer) error {
	for i, text := range p.order {
		if i > 0 {
			text = "\n" + text
		}
		if n := p.count[p.order[i]]; n > 1 {
			head, rest, _ := strings.Cut(strings.TrimPrefix(text, "\n"), "\n")
			text = text[:len(text)-len(head)-1-len(rest)] + fmt.Sprintf("%s, %d times\n%s", head, n, rest)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// Explain draws one action: the stage that gives its rows, below it what that
// stage runs, and then the stages that it reads, in the same way.
func Explain(x *wire.Explained) string {
	d := drawing{stages: map[plan.StageKey]int{}, drawn: map[plan.StageKey]bool{}, x: x}
	target := -1
	for i := range x.Stages {
		d.stages[x.Stages[i].Stage.Key] = i
		if x.Stages[i].Stage.Kind == plan.ResultStage {
			target = i
		}
	}
	head := fmt.Sprintf("%s (%s)", x.Action, x.Site)
	if x.Output != "" {
		head += " into " + x.Output
	}
	root := &node{text: head}
	if target >= 0 {
		root.kids = append(root.kids, d.stage(target))
	}
	var b strings.Builder
	root.write(&b, "", "")
	return b.String()
}

// node is a line of a tree.
type node struct {
	text string
	kids []*node
}

func (n *node) write(b *strings.Builder, first, rest string) {
	b.WriteString(first + n.text + "\n")
	for i, kid := range n.kids {
		if i == len(n.kids)-1 {
			kid.write(b, rest+"└─ ", rest+"   ")
		} else {
			kid.write(b, rest+"├─ ", rest+"│  ")
		}
	}
}

func (n *node) add(format string, args ...any) *node {
	kid := &node{text: fmt.Sprintf(format, args...)}
	n.kids = append(n.kids, kid)
	return kid
}

// drawing is one action's.
type drawing struct {
	x      *wire.Explained
	stages map[plan.StageKey]int
	drawn  map[plan.StageKey]bool
}

func (d *drawing) stage(i int) *node {
	s := &d.x.Stages[i]
	n := &node{text: fmt.Sprintf("stage %d: %s", i+1, s.Stage.Name)}
	if d.drawn[s.Stage.Key] {
		n.text += " (drawn above)"
		return n
	}
	d.drawn[s.Stage.Key] = true
	d.pipe(n, &s.Stage.Pipe, &s.Pipe)
	if s.Stage.Barrier {
		n.add("%-8s all tasks at once: they wait for one another", "barrier")
	}
	if text := output(&s.Stage); text != "" {
		n.add("%-8s %s", "output", text)
	}
	for _, p := range s.Stage.Parents {
		if i, ok := d.stages[p.Key]; ok {
			n.kids = append(n.kids, d.stage(i))
		}
	}
	return n
}

// pipe adds what a pipe reads and runs.
func (d *drawing) pipe(n *node, p *plan.Pipe, x *plan.PipeExplain) {
	if p.Source.Union != nil {
		for i := range p.Source.Union {
			if i < len(x.Union) {
				d.pipe(n.add("%-8s part %d of %d", "union", i+1, len(p.Source.Union)), &p.Source.Union[i], &x.Union[i])
			}
		}
		return
	}
	n.add("%-8s %s", "source", d.source(p))
	at := 0
	for _, in := range p.Source.Wide {
		if in.Pipe != nil && at < len(x.Inputs) {
			d.pipe(n.add("%-8s %s", "side", unmoved(&p.Source)), in.Pipe, &x.Inputs[at])
			at++
		}
	}
	for _, piece := range x.Pieces {
		text := fmt.Sprintf("%-8s %s", piece.Way, operators(piece.Ops))
		if piece.Why != "" {
			text += ": " + piece.Why
		}
		n.add("%s", text)
	}
}

// source says what a pipe reads.
func (d *drawing) source(p *plan.Pipe) string {
	src := &p.Source
	text := operator(&src.Op)
	switch {
	case src.Files != nil:
		text += ", files " + src.Files.Paths
	case src.Range != nil:
		text += fmt.Sprintf(", %d numbers in %s", src.Range.Count, partitions(src.Range.N))
	case src.Cut != nil:
		text += fmt.Sprintf(", kept before in %s", partitions(src.Cut.N))
	case src.Data != nil:
		text += fmt.Sprintf(", rows of the driver in %s", partitions(len(src.Data.Ends)))
	}
	if src.Coalesced != nil {
		text += fmt.Sprintf(", at most %s, each of several", partitions(src.Coalesced.N))
	}
	var reads []string
	what := "the shuffle of"
	for _, in := range src.Wide {
		if i, ok := d.stages[in.Shuffle]; ok {
			reads = append(reads, fmt.Sprintf("stage %d", i+1))
		}
		if in.Own {
			what = "the rows kept by"
		}
	}
	switch {
	case src.Broadcast:
		text += " by broadcast, each task reads all of " + strings.Join(reads, "")
	case len(reads) > 0:
		text += ", reads " + what + " " + strings.Join(reads, " and ")
	}
	return text
}

// unmoved says why rows of a pipe are not shuffled.
func unmoved(src *plan.Source) string {
	if src.Broadcast {
		return "streamed where it is: no shuffle"
	}
	return "already placed: no shuffle"
}

// output says where a stage's rows go, where the operators do not say it.
func output(s *plan.Stage) string {
	part := s.Sink.Part
	switch {
	case s.Kind == plan.ValueStage && part != nil && part.Kind == plan.SkewPartitioner:
		return fmt.Sprintf("the keys that have %s of one side or more, for the stages that split them", size.String(part.HotFrom))
	case s.Kind == plan.ValueStage:
		return "one value, for the stages that read it"
	case part == nil:
		return ""
	case part.Kind == plan.SinglePartitioner && (s.Sink.Op.Part == "rows" || strings.HasSuffix(s.Sink.Op.Part, ".rows")):
		return "kept where they are: they are read twice"
	case part.Kind == plan.SinglePartitioner:
		return "shuffle into one partition"
	case part.Kind == plan.SkewPartitioner:
		return fmt.Sprintf("shuffle by hash, hot keys split, into %s", partitions(part.N))
	case part.By != nil:
		return fmt.Sprintf("shuffle by %s into %s", operator(part.By), partitions(part.N))
	}
	return fmt.Sprintf("shuffle by %s into %s", part.Kind, partitions(part.N))
}

func partitions(n int) string {
	switch n {
	case 0:
		return "as many partitions as the input asks for"
	case 1:
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", n)
}

func operators(ops []plan.Op) string {
	names := make([]string, len(ops))
	for i := range ops {
		names[i] = operator(&ops[i])
	}
	return strings.Join(names, ", ")
}

func operator(op *plan.Op) string {
	text := fmt.Sprintf("%s (%s)", op.Name, op.Site)
	switch op.Part {
	case "", "reduce":
	default:
		text += " " + op.Part + " side"
	}
	return text
}
