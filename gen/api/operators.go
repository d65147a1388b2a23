package api

import "github.com/gordd-project/gordd/gen/model"

// Family says how chains of operators go through one.
type Family uint8

// The families.
const (
	Pass   Family = iota // not an operator of its own: chains go through it
	Source               // chains start behind it
	Narrow               // a step of chains
	Across               // sees whole partitions: chains end before it and start behind
	Wide                 // shuffles: chains end before it, or in it, and start behind, or in it
	Action               // chains end before it, or in it
	Placer               // has a function for operators that it is given to
)

// Operator describes an operator of the typed API.
type Operator struct {
	Recv   string // the receiver's type, or "" for a function of the package
	Name   string
	Family Family
	Ctor   string // the constructor of package rdd that makes it
	// Types are the type arguments of the constructor that do not follow from
	// the functions it is given, by the names they have in typed; Pair stands
	// for that of K and V.
	Types string
	Step  model.Step // its function over rows, or over what its shuffle gives
	In    string     // of a step behind a shuffle: the type arguments of its rows, as Types
	Keyed string     // of a step before a sort: key and row of the pairs it gives, as Types
	Shape model.Kind
	End   model.End
	Part  string // of the end, or of a step before the shuffle
	Fn    int    // the function by whose type it is found
	Funcs int    // how many functions the constructor takes; 0: all
	As    string // the name for which the constructor's is changed
	Batch bool   // the constructor takes a loop over the function too
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

// operators says of each what it does to a row, where chains of them end, and
// which constructor makes it. A new operator is a line here.
var operators = []Operator{
	{Recv: "Session", Name: "TextFile", Family: Source, Ctor: "TextOp"},
	{Recv: "Session", Name: "Lines", Family: Source, Ctor: "LinesOp"},
	{Recv: "Session", Name: "WholeTextFiles", Family: Source, Ctor: "WholeFilesOp"},
	{Recv: "Session", Name: "BinaryFiles", Family: Source, Ctor: "BinaryFilesOp"},
	{Recv: "Session", Name: "BinaryRecords", Family: Source, Ctor: "BinaryRecordsOp"},
	{Name: "ObjectFile", Family: Source, Ctor: "ObjectFileOp", Types: "T"},
	{Name: "SequenceFile", Family: Source, Ctor: "SequenceFileOp", Types: "K,V"},
	{Recv: "Session", Name: "Parallelize", Family: Source, Ctor: "DataOp", Types: "T"},
	{Recv: "Session", Name: "Range", Family: Source, Ctor: "RangeOp"},
	{Recv: "Session", Name: "Empty", Family: Source, Ctor: "EmptyOp", Types: "T"},

	{Recv: "RDD", Name: "Map", Family: Narrow, Ctor: "MapOp", Step: row},
	{Recv: "RDD", Name: "TryMap", Family: Narrow, Ctor: "TryMapOp", Step: try(row)},
	{Recv: "RDD", Name: "Filter", Family: Narrow, Ctor: "FilterOp", Step: same},
	{Recv: "RDD", Name: "FlatMap", Family: Narrow, Ctor: "FlatMapOp", Step: seq(row)},
	{Recv: "RDD", Name: "TryFlatMap", Family: Narrow, Ctor: "TryFlatMapOp", Step: try(seq(row))},
	{Recv: "RDD", Name: "MapToPair", Family: Narrow, Ctor: "MapToPairOp", Step: pair},
	{Recv: "RDD", Name: "TryMapToPair", Family: Narrow, Ctor: "TryMapToPairOp", Step: try(pair)},
	{Recv: "RDD", Name: "FlatMapToPair", Family: Narrow, Ctor: "FlatMapToPairOp", Step: seq(pair)},
	{Recv: "RDD", Name: "KeyBy", Family: Narrow, Ctor: "KeyByOp", Step: byKey},
	{Recv: "RDD", Name: "MapPartitions", Family: Across, Ctor: "MapPartitionsOp"},
	{Recv: "RDD", Name: "MapPartitionsWithIndex", Family: Across, Ctor: "MapPartitionsWithIndexOp"},
	{Recv: "RDD", Name: "MapPartitionsWithBarrier", Family: Across, Ctor: "MapPartitionsWithBarrierOp"},
	{Recv: "RDD", Name: "Pipe", Family: Across, Ctor: "PipeOp", Types: "T"},
	{Recv: "RDD", Name: "Cache", Family: Across, Ctor: "CacheOp", Types: "T"},
	{Recv: "RDD", Name: "Persist", Family: Across, Ctor: "CacheOp", Types: "T", As: "Persist"},
	{Recv: "RDD", Name: "Checkpoint", Family: Across, Ctor: "CheckpointOp", Types: "T"},
	{Recv: "RDD", Name: "LocalCheckpoint", Family: Across, Ctor: "LocalCheckpointOp", Types: "T"},
	{Recv: "RDD", Name: "Sample", Family: Across, Ctor: "SampleOp", Types: "T"},
	{Recv: "RDD", Name: "RandomSplit", Family: Across, Ctor: "SampleOp", Types: "T", As: "RandomSplit"},
	{Recv: "RDD", Name: "Coalesce", Family: Across, Ctor: "CoalesceOp"},
	{Name: "Glom", Family: Across, Ctor: "GlomOp", Types: "T"},
	{Name: "Sliding", Family: Across, Ctor: "SlidingOp", Types: "T"},
	{Name: "ZipWithIndex", Family: Across, Ctor: "ZipWithIndexOp", Types: "T"},
	{Name: "ZipWithUniqueID", Family: Across, Ctor: "ZipWithUniqueIDOp", Types: "T"},

	{Recv: "PairRDD", Name: "Map", Family: Narrow, Ctor: "PairMapOp", Step: row},
	{Recv: "PairRDD", Name: "TryMap", Family: Narrow, Ctor: "PairTryMapOp", Step: try(row)},
	{Recv: "PairRDD", Name: "Filter", Family: Narrow, Ctor: "PairFilterOp", Step: same},
	{Recv: "PairRDD", Name: "FlatMap", Family: Narrow, Ctor: "PairFlatMapOp", Step: seq(row)},
	{Recv: "PairRDD", Name: "TryFlatMap", Family: Narrow, Ctor: "PairTryFlatMapOp", Step: try(seq(row))},
	{Recv: "PairRDD", Name: "MapToPair", Family: Narrow, Ctor: "PairMapToPairOp", Step: pair},
	{Recv: "PairRDD", Name: "TryMapToPair", Family: Narrow, Ctor: "PairTryMapToPairOp", Step: try(pair)},
	{Recv: "PairRDD", Name: "FlatMapToPair", Family: Narrow, Ctor: "PairFlatMapToPairOp", Step: seq(pair)},
	{Recv: "PairRDD", Name: "MapValues", Family: Narrow, Ctor: "MapValuesOp", Types: "K", Step: value},
	{Recv: "PairRDD", Name: "MapValuesWithKey", Family: Narrow, Ctor: "MapValuesWithKeyOp", Step: model.Step{Takes: model.TakesRow, Gives: model.GivesValue}},
	{Recv: "PairRDD", Name: "FlatMapValues", Family: Narrow, Ctor: "FlatMapValuesOp", Types: "K", Step: seq(value)},
	{Recv: "PairRDD", Name: "Keys", Family: Narrow, Ctor: "KeysOp", Types: "K,V", Step: model.Step{Gives: model.GivesOnlyKey}},
	{Recv: "PairRDD", Name: "Values", Family: Narrow, Ctor: "ValuesOp", Types: "K,V", Step: model.Step{Gives: model.GivesOnlyValue}},
	{Recv: "PairRDD", Name: "MapPartitions", Family: Across, Ctor: "PairMapPartitionsOp"},
	{Recv: "PairRDD", Name: "MapPartitionsWithIndex", Family: Across, Ctor: "PairMapPartitionsWithIndexOp"},
	{Recv: "PairRDD", Name: "MapPartitionsWithBarrier", Family: Across, Ctor: "PairMapPartitionsWithBarrierOp"},
	{Recv: "PairRDD", Name: "Pipe", Family: Across, Ctor: "PipeOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "Coalesce", Family: Across, Ctor: "CoalesceOp"},
	{Recv: "PairRDD", Name: "Cache", Family: Across, Ctor: "CacheOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "Persist", Family: Across, Ctor: "CacheOp", Types: "Pair", As: "Persist"},
	{Recv: "PairRDD", Name: "Checkpoint", Family: Across, Ctor: "CheckpointOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "LocalCheckpoint", Family: Across, Ctor: "LocalCheckpointOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "Sample", Family: Across, Ctor: "SampleOp", Types: "Pair"},
	{Name: "FilterByRange", Family: Across, Ctor: "FilterByRangeOp", Types: "K,V"},
	{Recv: "PairRDD", Name: "SampleByKey", Family: Across, Ctor: "SampleByKeyOp", Types: "K,V"},
	{Recv: "PairRDD", Name: "SampleByKeyExact", Family: Across, Ctor: "SampleByKeyExactOp", Types: "K,V"},

	{Name: "Distinct", Family: Wide, Ctor: "DistinctOp", Types: "T", End: model.EndDistinct, Part: "map"},
	{Name: "Subtract", Family: Wide, Ctor: "SubtractOp", Types: "T"},
	{Name: "Intersection", Family: Wide, Ctor: "IntersectionOp", Types: "T"},
	{Recv: "RDD", Name: "DistinctBy", Family: Wide, Ctor: "DistinctByOp", End: model.EndKeyed, Part: "map"},
	{Recv: "RDD", Name: "Repartition", Family: Wide, Ctor: "RepartitionOp", Types: "T"},
	{Recv: "RDD", Name: "SortBy", Family: Wide, Ctor: "SortByOp", Step: byKey, Part: "key", Keyed: "K,T"},
	{Recv: "RDD", Name: "SortFunc", Family: Wide, Ctor: "SortFuncOp"},
	{Recv: "PairRDD", Name: "SortBy", Family: Wide, Ctor: "PairSortByOp", Step: byKey, Part: "key", Keyed: "S,Pair"},
	{Recv: "PairRDD", Name: "SortFunc", Family: Wide, Ctor: "SortFuncOp"},
	{Recv: "RDD", Name: "Zip", Family: Wide, Ctor: "ZipOp"},
	{Recv: "RDD", Name: "ZipPartitions", Family: Wide, Ctor: "ZipPartitionsOp"},
	{Recv: "RDD", Name: "Cartesian", Family: Wide, Ctor: "CartesianOp"},
	{Name: "RepartitionAndSortWithinPartitions", Family: Wide, Ctor: "RepartitionAndSortWithinPartitionsOp", Types: "K,V"},
	{Name: "SortByKey", Family: Wide, Ctor: "SortByKeyOp", Types: "K,V"},

	{Recv: "PairRDD", Name: "ReduceByKey", Family: Wide, Ctor: "ReduceByKeyOp", Types: "K", End: model.EndPairs, Part: "map", Batch: true},
	{Recv: "PairRDD", Name: "CombineByKey", Family: Wide, Ctor: "CombineByKeyOp", Types: "K", End: model.EndPairs, Part: "map"},
	{Recv: "PairRDD", Name: "AggregateByKey", Family: Wide, Ctor: "AggregateByKeyOp", Types: "K", End: model.EndPairs, Part: "map", Fn: 1},
	{Recv: "PairRDD", Name: "FoldByKey", Family: Wide, Ctor: "FoldByKeyOp", Types: "K", End: model.EndPairs, Part: "map"},
	{Recv: "PairRDD", Name: "ReduceByKeyLocally", Family: Wide, Ctor: "ReduceByKeyLocallyOp", Types: "K", End: model.EndPairs, Part: "map"},
	{Name: "TopByKey", Family: Wide, Ctor: "TopByKeyOp", Types: "K", End: model.EndPairs, Part: "map"},
	{Name: "CountApproxDistinctByKey", Family: Wide, Ctor: "CountApproxDistinctByKeyOp", Types: "K,V"},
	{Recv: "PairRDD", Name: "CountByKey", Family: Wide, Ctor: "CountByKeyOp", Types: "K,V", End: model.EndOnes, Part: "map"},
	{Recv: "PairRDD", Name: "GroupByKey", Family: Wide, Ctor: "GroupByKeyOp", Step: group, Shape: model.Group, In: "K,V"},
	{Recv: "PairRDD", Name: "FlatMapGroups", Family: Wide, Ctor: "FlatMapGroupsOp", Step: model.Step{Takes: model.TakesGroup, Gives: model.GivesRow, Seq: true}, Shape: model.Group, In: "K,V"},
	{Recv: "PairRDD", Name: "FlatMapSortedGroups", Family: Wide, Ctor: "FlatMapSortedGroupsOp", Types: "S", Fn: 1},
	{Recv: "PairRDD", Name: "PartitionBy", Family: Wide, Ctor: "PartitionByOp", Types: "K,V"},
	{Recv: "PairRDD", Name: "Repartition", Family: Wide, Ctor: "RepartitionOp", Types: "Pair"},

	{Recv: "PairRDD", Name: "Join", Family: Wide, Ctor: "JoinOp", Types: "K", Step: sides, Shape: model.Joined, In: "K,V,W"},
	{Recv: "PairRDD", Name: "LeftOuterJoin", Family: Wide, Ctor: "LeftOuterJoinOp", Types: "K", Step: sides, Shape: model.Joined, In: "K,V,*W"},
	{Recv: "PairRDD", Name: "RightOuterJoin", Family: Wide, Ctor: "RightOuterJoinOp", Types: "K", Step: sides, Shape: model.Joined, In: "K,*V,W"},
	{Recv: "PairRDD", Name: "FullOuterJoin", Family: Wide, Ctor: "FullOuterJoinOp", Types: "K", Step: sides, Shape: model.Joined, In: "K,*V,*W"},
	{Recv: "PairRDD", Name: "CoGroup", Family: Wide, Ctor: "CoGroupOp", Step: model.Step{Takes: model.TakesCoGroup, Gives: model.GivesValue, Seq: true}, Shape: model.CoGrouped, In: "K,V,W"},
	{Recv: "PairRDD", Name: "CoGroup3", Family: Wide, Ctor: "CoGroup3Op", Step: model.Step{Takes: model.TakesCoGroup3, Gives: model.GivesValue, Seq: true}, Shape: model.CoGrouped3, In: "K,V,W,X"},

	{Recv: "PairRDD", Name: "SubtractByKey", Family: Wide, Ctor: "SubtractByKeyOp", Types: "K,V,W"},

	{Name: "Sum", Family: Action, Ctor: "SumOp", Types: "T"},
	{Name: "Max", Family: Action, Ctor: "MaxOp", Types: "T"},
	{Name: "Min", Family: Action, Ctor: "MinOp", Types: "T"},
	{Name: "Stats", Family: Action, Ctor: "StatsOp", Types: "T"},
	{Name: "Mean", Family: Action, Ctor: "StatsOp", Types: "T", As: "Mean"},
	{Name: "Variance", Family: Action, Ctor: "StatsOp", Types: "T", As: "Variance"},
	{Name: "Stdev", Family: Action, Ctor: "StatsOp", Types: "T", As: "Stdev"},
	{Name: "Histogram", Family: Action, Ctor: "HistogramOp", Types: "T"},
	{Name: "HistogramIn", Family: Action, Ctor: "HistogramOp", Types: "T", As: "HistogramIn"},
	{Name: "CountApproxDistinct", Family: Action, Ctor: "CountApproxDistinctOp", Types: "T"},
	{Name: "CountByValue", Family: Action, Ctor: "CountByValueOp", Types: "T"},
	{Recv: "RDD", Name: "IsEmpty", Family: Action, Ctor: "CollectOp", Types: "T", As: "IsEmpty"},
	{Recv: "RDD", Name: "TakeSample", Family: Action, Ctor: "TakeSampleOp", Types: "T"},
	{Recv: "PairRDD", Name: "IsEmpty", Family: Action, Ctor: "CollectOp", Types: "Pair", As: "IsEmpty"},
	{Recv: "PairRDD", Name: "Lookup", Family: Action, Ctor: "LookupOp", Types: "K,V"},
	{Recv: "RDD", Name: "Count", Family: Action, Ctor: "CountOp", Types: "T", End: model.EndCount},
	{Recv: "RDD", Name: "CountApprox", Family: Action, Ctor: "CountOp", Types: "T", End: model.EndCount, As: "CountApprox"},
	{Recv: "PairRDD", Name: "Count", Family: Action, Ctor: "CountOp", Types: "Pair", End: model.EndCount},
	{Recv: "PairRDD", Name: "CountApprox", Family: Action, Ctor: "CountOp", Types: "Pair", End: model.EndCount, As: "CountApprox"},
	{Recv: "RDD", Name: "Reduce", Family: Action, Ctor: "ReduceOp", End: model.EndReduce},
	{Recv: "RDD", Name: "Fold", Family: Action, Ctor: "FoldOp", End: model.EndReduce},
	{Recv: "RDD", Name: "Aggregate", Family: Action, Ctor: "AggregateOp", End: model.EndAdd, Fn: 1, Funcs: 2},
	{Recv: "RDD", Name: "All", Family: Action, Ctor: "CollectOp", Types: "T", As: "All"},
	{Recv: "RDD", Name: "Collect", Family: Action, Ctor: "CollectOp", Types: "T"},
	{Recv: "RDD", Name: "Take", Family: Action, Ctor: "CollectOp", Types: "T", As: "Take"},
	{Recv: "RDD", Name: "First", Family: Action, Ctor: "CollectOp", Types: "T", As: "First"},
	{Recv: "RDD", Name: "TakeOrdered", Family: Action, Ctor: "TakeOrderedOp"},
	{Recv: "RDD", Name: "Top", Family: Action, Ctor: "TopOp"},
	{Recv: "RDD", Name: "ForEach", Family: Action, Ctor: "ForEachOp"},
	{Recv: "RDD", Name: "ForEachPartition", Family: Action, Ctor: "ForEachPartitionOp"},
	{Recv: "RDD", Name: "SaveAsTextFile", Family: Action, Ctor: "SaveAsTextFileOp", Types: "T"},
	{Recv: "RDD", Name: "SaveAsObjectFile", Family: Action, Ctor: "SaveAsObjectFileOp", Types: "T"},
	{Recv: "PairRDD", Name: "All", Family: Action, Ctor: "CollectOp", Types: "Pair", As: "All"},
	{Recv: "PairRDD", Name: "Collect", Family: Action, Ctor: "CollectOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "CollectAsMap", Family: Action, Ctor: "CollectOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "Take", Family: Action, Ctor: "CollectOp", Types: "Pair", As: "Take"},
	{Recv: "PairRDD", Name: "First", Family: Action, Ctor: "CollectOp", Types: "Pair", As: "First"},
	{Recv: "PairRDD", Name: "TakeOrdered", Family: Action, Ctor: "TakeOrderedOp"},
	{Recv: "PairRDD", Name: "Top", Family: Action, Ctor: "TopOp"},
	{Recv: "PairRDD", Name: "ForEach", Family: Action, Ctor: "PairForEachOp"},
	{Recv: "PairRDD", Name: "ForEachPartition", Family: Action, Ctor: "PairForEachPartitionOp"},
	{Recv: "PairRDD", Name: "SaveAsTextFile", Family: Action, Ctor: "SaveAsTextFileOp", Types: "Pair"},
	{Recv: "PairRDD", Name: "SaveAsObjectFile", Family: Action, Ctor: "SaveAsObjectFileOp", Types: "Pair"},
	{Name: "SaveAsSequenceFile", Family: Action, Ctor: "SaveAsSequenceFileOp", Types: "K,V"},

	{Name: "PartitionFunc", Family: Placer, Ctor: "PartitionFuncOp"},

	{Recv: "RDD", Name: "With", Family: Pass},
	{Recv: "PairRDD", Name: "With", Family: Pass},
	{Recv: "RDD", Name: "Union", Family: Pass},
	{Recv: "PairRDD", Name: "Union", Family: Pass},
}

var operatorsByName = func() map[[2]string]*Operator {
	m := map[[2]string]*Operator{}
	for i := range operators {
		op := &operators[i]
		m[[2]string{op.Recv, op.Name}] = op
	}
	return m
}()

// withReceivers has the types that With gives, and what they stand for.
var withReceivers = map[string]string{"RDDWith": "RDD", "PairWith": "PairRDD"}
