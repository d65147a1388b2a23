package scan

import "github.com/gordd-project/gordd/gen/model"

// The operators of the typed API, by name: what each one does to a row, where
// chains of them end, and which constructor of package rdd makes it. A new
// operator is a line here.

const (
	typedPath = "github.com/gordd-project/gordd/typed"
	rddPath   = "github.com/gordd-project/gordd/rdd"
	codecPath = "github.com/gordd-project/gordd/rdd/codec"
)

// family says how chains of operators go through one.
type family uint8

const (
	pass   family = iota // not an operator of its own: chains go through it
	stop                 // not an operator: chains end before it and start behind
	source               // chains start behind it
	narrow               // a step of chains
	across               // sees whole partitions: chains end before it and start behind
	wide                 // shuffles: chains end before it, or in it, and start behind, or in it
	action               // chains end before it, or in it
)

// operator describes an operator of the typed API.
type operator struct {
	recv   string // the receiver's type, or "" for a function of the package
	name   string
	family family
	ctor   string
	// types are the type arguments of the constructor that do not follow from
	// the functions it is given, by the names they have in typed.
	types string
	step  model.Step // its function over rows, or over what its shuffle gives
	in    string     // of a step behind a shuffle: the type arguments of its rows, as types
	shape model.Kind
	end   model.End
	part  string // of the end, or of a step before the shuffle
	fn    int    // the function by whose type it is found
	funcs int    // how many functions the constructor takes; 0: all
	as    string // the name for which the constructor's is changed
	batch bool   // the constructor takes a loop over the function too
}

var (
	row   = model.Step{Takes: model.TakesRow, Gives: model.GivesRow}
	pair  = model.Step{Takes: model.TakesRow, Gives: model.GivesPair}
	same  = model.Step{Takes: model.TakesRow, Gives: model.GivesSame}
	value = model.Step{Takes: model.TakesValue, Gives: model.GivesValue}
	byKey = model.Step{Takes: model.TakesRow, Gives: model.GivesKey}
	group = model.Step{Takes: model.TakesGroup, Gives: model.GivesValue}
	sides = model.Step{Takes: model.TakesSides, Gives: model.GivesValue}
)

func try(s model.Step) model.Step { s.Try = true; return s }
func seq(s model.Step) model.Step { s.Seq = true; return s }

var operators = []operator{
	{recv: "Session", name: "TextFile", family: source, ctor: "TextOp"},
	{recv: "Session", name: "Lines", family: source, ctor: "LinesOp"},
	{recv: "Session", name: "WholeTextFiles", family: source, ctor: "WholeFilesOp"},
	{recv: "Session", name: "Parallelize", family: source, ctor: "DataOp", types: "T"},
	{recv: "Session", name: "Range", family: source, ctor: "RangeOp"},
	{recv: "Session", name: "Empty", family: source, ctor: "EmptyOp", types: "T"},

	{recv: "RDD", name: "Map", family: narrow, ctor: "MapOp", step: row},
	{recv: "RDD", name: "TryMap", family: narrow, ctor: "TryMapOp", step: try(row)},
	{recv: "RDD", name: "Filter", family: narrow, ctor: "FilterOp", step: same},
	{recv: "RDD", name: "FlatMap", family: narrow, ctor: "FlatMapOp", step: seq(row)},
	{recv: "RDD", name: "TryFlatMap", family: narrow, ctor: "TryFlatMapOp", step: try(seq(row))},
	{recv: "RDD", name: "MapToPair", family: narrow, ctor: "MapToPairOp", step: pair},
	{recv: "RDD", name: "TryMapToPair", family: narrow, ctor: "TryMapToPairOp", step: try(pair)},
	{recv: "RDD", name: "FlatMapToPair", family: narrow, ctor: "FlatMapToPairOp", step: seq(pair)},
	{recv: "RDD", name: "KeyBy", family: narrow, ctor: "KeyByOp", step: byKey},
	{recv: "RDD", name: "MapPartitions", family: across, ctor: "MapPartitionsOp"},

	{recv: "PairRDD", name: "Map", family: narrow, ctor: "PairMapOp", step: row},
	{recv: "PairRDD", name: "TryMap", family: narrow, ctor: "PairTryMapOp", step: try(row)},
	{recv: "PairRDD", name: "Filter", family: narrow, ctor: "PairFilterOp", step: same},
	{recv: "PairRDD", name: "FlatMap", family: narrow, ctor: "PairFlatMapOp", step: seq(row)},
	{recv: "PairRDD", name: "TryFlatMap", family: narrow, ctor: "PairTryFlatMapOp", step: try(seq(row))},
	{recv: "PairRDD", name: "MapToPair", family: narrow, ctor: "PairMapToPairOp", step: pair},
	{recv: "PairRDD", name: "TryMapToPair", family: narrow, ctor: "PairTryMapToPairOp", step: try(pair)},
	{recv: "PairRDD", name: "FlatMapToPair", family: narrow, ctor: "PairFlatMapToPairOp", step: seq(pair)},
	{recv: "PairRDD", name: "MapValues", family: narrow, ctor: "MapValuesOp", types: "K", step: value},
	{recv: "PairRDD", name: "Keys", family: narrow, ctor: "KeysOp", types: "K,V", step: model.Step{Gives: model.GivesOnlyKey}},
	{recv: "PairRDD", name: "Values", family: narrow, ctor: "ValuesOp", types: "K,V", step: model.Step{Gives: model.GivesOnlyValue}},
	{recv: "PairRDD", name: "MapPartitions", family: across, ctor: "PairMapPartitionsOp"},

	{name: "Distinct", family: wide, ctor: "DistinctOp", types: "T", end: model.EndDistinct, part: "map"},
	{recv: "RDD", name: "DistinctBy", family: wide, ctor: "DistinctByOp", end: model.EndKeyed, part: "map"},
	{recv: "RDD", name: "Repartition", family: wide, ctor: "RepartitionOp", types: "T"},
	{recv: "RDD", name: "SortBy", family: wide, ctor: "SortByOp", step: byKey, part: "key"},
	{recv: "RDD", name: "SortFunc", family: wide, ctor: "SortFuncOp"},
	{name: "SortByKey", family: wide, ctor: "SortByKeyOp", types: "K,V"},

	{recv: "PairRDD", name: "ReduceByKey", family: wide, ctor: "ReduceByKeyOp", types: "K", end: model.EndPairs, part: "map", batch: true},
	{recv: "PairRDD", name: "CombineByKey", family: wide, ctor: "CombineByKeyOp", types: "K", end: model.EndPairs, part: "map"},
	{recv: "PairRDD", name: "AggregateByKey", family: wide, ctor: "AggregateByKeyOp", types: "K", end: model.EndPairs, part: "map", fn: 1},
	{recv: "PairRDD", name: "CountByKey", family: wide, ctor: "CountByKeyOp", types: "K,V", end: model.EndOnes, part: "map"},
	{recv: "PairRDD", name: "GroupByKey", family: wide, ctor: "GroupByKeyOp", step: group, shape: model.Group, in: "K,V"},
	{recv: "PairRDD", name: "FlatMapGroups", family: wide, ctor: "FlatMapGroupsOp", step: model.Step{Takes: model.TakesGroup, Gives: model.GivesRow, Seq: true}, shape: model.Group, in: "K,V"},
	{recv: "PairRDD", name: "PartitionBy", family: wide, ctor: "PartitionByOp", types: "K,V"},
	{recv: "PairRDD", name: "Repartition", family: wide, ctor: "RepartitionOp", types: "rdd.Pair[K,V]"},

	{recv: "PairRDD", name: "Join", family: wide, ctor: "JoinOp", types: "K", step: sides, shape: model.Joined, in: "K,V,W"},
	{recv: "PairRDD", name: "LeftOuterJoin", family: wide, ctor: "LeftOuterJoinOp", types: "K", step: sides, shape: model.Joined, in: "K,V,*W"},
	{recv: "PairRDD", name: "RightOuterJoin", family: wide, ctor: "RightOuterJoinOp", types: "K", step: sides, shape: model.Joined, in: "K,*V,W"},
	{recv: "PairRDD", name: "FullOuterJoin", family: wide, ctor: "FullOuterJoinOp", types: "K", step: sides, shape: model.Joined, in: "K,*V,*W"},
	{recv: "PairRDD", name: "CoGroup", family: wide, ctor: "CoGroupOp", step: model.Step{Takes: model.TakesCoGroup, Gives: model.GivesValue, Seq: true}, shape: model.CoGrouped, in: "K,V,W"},

	{recv: "RDD", name: "Count", family: action, ctor: "CountOp", types: "T", end: model.EndCount},
	{recv: "PairRDD", name: "Count", family: action, ctor: "CountOp", types: "rdd.Pair[K,V]", end: model.EndCount},
	{recv: "RDD", name: "Reduce", family: action, ctor: "ReduceOp", end: model.EndReduce},
	{recv: "RDD", name: "Fold", family: action, ctor: "FoldOp", end: model.EndReduce},
	{recv: "RDD", name: "Aggregate", family: action, ctor: "AggregateOp", end: model.EndAdd, fn: 1, funcs: 2},
	{recv: "RDD", name: "All", family: action, ctor: "CollectOp", types: "T", as: "All"},
	{recv: "RDD", name: "Collect", family: action, ctor: "CollectOp", types: "T"},
	{recv: "RDD", name: "Take", family: action, ctor: "CollectOp", types: "T", as: "Take"},
	{recv: "RDD", name: "First", family: action, ctor: "CollectOp", types: "T", as: "First"},
	{recv: "RDD", name: "TakeOrdered", family: action, ctor: "TakeOrderedOp"},
	{recv: "RDD", name: "Top", family: action, ctor: "TopOp"},
	{recv: "RDD", name: "ForEach", family: action, ctor: "ForEachOp"},
	{recv: "RDD", name: "ForEachPartition", family: action, ctor: "ForEachPartitionOp"},
	{recv: "RDD", name: "SaveAsTextFile", family: action, ctor: "SaveAsTextFileOp", types: "T"},
	{recv: "PairRDD", name: "All", family: action, ctor: "CollectOp", types: "rdd.Pair[K,V]", as: "All"},
	{recv: "PairRDD", name: "Collect", family: action, ctor: "CollectOp", types: "rdd.Pair[K,V]"},
	{recv: "PairRDD", name: "CollectAsMap", family: action, ctor: "CollectOp", types: "rdd.Pair[K,V]"},
	{recv: "PairRDD", name: "Take", family: action, ctor: "CollectOp", types: "rdd.Pair[K,V]", as: "Take"},
	{recv: "PairRDD", name: "First", family: action, ctor: "CollectOp", types: "rdd.Pair[K,V]", as: "First"},
	{recv: "PairRDD", name: "TakeOrdered", family: action, ctor: "TakeOrderedOp"},
	{recv: "PairRDD", name: "Top", family: action, ctor: "TopOp"},
	{recv: "PairRDD", name: "ForEach", family: action, ctor: "PairForEachOp"},
	{recv: "PairRDD", name: "ForEachPartition", family: action, ctor: "PairForEachPartitionOp"},
	{recv: "PairRDD", name: "SaveAsTextFile", family: action, ctor: "SaveAsTextFileOp", types: "rdd.Pair[K,V]"},

	{recv: "RDD", name: "With", family: pass},
	{recv: "PairRDD", name: "With", family: pass},
	{recv: "RDD", name: "Union", family: pass},
	{recv: "PairRDD", name: "Union", family: pass},
}

var operatorsByName = func() map[[2]string]*operator {
	m := map[[2]string]*operator{}
	for i := range operators {
		op := &operators[i]
		m[[2]string{op.recv, op.name}] = op
	}
	return m
}()

// withReceivers has the types that With gives, and what they stand for.
var withReceivers = map[string]string{"RDDWith": "RDD", "PairWith": "PairRDD"}
