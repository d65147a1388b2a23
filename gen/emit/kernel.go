package emit

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/gordd-project/gordd/gen/model"
)

// locals gives out names of local variables.
type locals struct {
	taken map[string]bool // that no local must have
	used  map[string]bool
}

func (e *emitter) locals() *locals { return &locals{taken: e.p.Taken, used: map[string]bool{}} }

// fresh gives a name that nothing outside of a function has.
func (e *emitter) fresh(name string) string { return e.locals().name(name, "") }

func (l *locals) use(name string) { l.used[name] = true }

// name gives a local its name: the wanted one where there is one and it is free,
// another like it where it is not.
func (l *locals) name(want, other string) string {
	if want == "" {
		want = other
	}
	name := want
	for i := 2; l.taken[name] || l.used[name]; i++ {
		name = fmt.Sprintf("%s%d", want, i)
	}
	l.used[name] = true
	return name
}

// kernel is the state of writing one.
type kernel struct {
	*locals
	e   *emitter
	k   *model.Kernel
	out string
	// task and env are the parameters' names; each is _ until it is used.
	task, env         string
	usesTask, usesEnv bool
	row               current // of the operator in hand
	// calls has what to call for each operator's function, where it was bound
	// to a local.
	calls map[int]string
	envs  map[int]string
	// needs has, for each operator and the end, which parts of its row are
	// used: the row or its key, and the value.
	needs [][2]bool
}

// current is the row in hand: one expression, or key and value.
type current struct {
	kind   model.Kind
	types  []model.Type
	values []string
}

// kernel writes a kernel: the head that unpacks the batches, the loop over the
// rows, and in it the operators, each inside the one before.
func (e *emitter) kernel(k *model.Kernel) jen.Code {
	w := &kernel{locals: e.locals(), e: e, k: k, calls: map[int]string{}, envs: map[int]string{}}
	w.task, w.env = w.name("task", ""), w.name("env", "")
	anyIn, anyOut := w.name("inAny", ""), w.name("outAny", "")
	in := w.name("in", "")
	w.out = w.name("out", "")
	first := w.op(0)
	w.findNeeds()
	body := jen.BlockFunc(func(g *jen.Group) {
		g.Id(in).Op(":=").Id(anyIn).Assert(jen.Op("*").Add(w.rows(first.In)))
		w.prepare(g, anyOut)
		i, row := w.name("i", ""), w.name(w.param(0, 0), "row")
		if first.In.Kind != model.Row {
			delete(w.used, row)
			row = w.name("row", "")
		}
		vars := list([]string{i, row})
		if w.needs[0] == ([2]bool{}) {
			vars = jen.Id(i)
		}
		g.For(vars.Op(":=").Range().Id(in).Dot("Rows")).BlockFunc(func(g *jen.Group) {
			g.Id(in).Dot("Row").Op("=").Id(i)
			w.row = current{kind: first.In.Kind, types: first.In.Types, values: []string{row}}
			w.unpack(row)
			w.step(g, 0)
		})
		w.finish(g)
	})
	return jen.Comment(w.comment()).Line().Func().Id(k.Name+parameters(k.Generic)).Params(
		jen.Id(orBlank(w.task, w.usesTask)).Op("*").Add(e.rdd("Task")),
		jen.Id(orBlank(w.env, w.usesEnv)).Index().Id("any"),
		jen.List(jen.Id(anyIn), jen.Id(anyOut)).Id("any"),
	).Add(body)
}

func orBlank(name string, used bool) string {
	if used {
		return name
	}
	return "_"
}

func (w *kernel) op(i int) *model.Op { return &w.e.p.Ops[w.k.Parts[i].Op] }

// param is the name that operator i's function has for a part of its row.
func (w *kernel) param(i, n int) string {
	op := w.op(i)
	if len(op.Funcs) == 0 {
		return ""
	}
	if op.Env != nil {
		n++
	}
	if names := op.Funcs[0].Params; n < len(names) {
		return names[n]
	}
	return ""
}

// findNeeds looks from the end back at what is used of each row: Go does not
// compile variables that nothing reads.
func (w *kernel) findNeeds() {
	n := len(w.k.Parts)
	w.needs = make([][2]bool, n+1)
	all := [2]bool{true, true}
	w.needs[n] = all
	for i := n - 1; i >= 0; i-- {
		op, next := w.op(i), w.needs[i+1]
		switch {
		case i == n-1 && w.last() == op:
			w.needs[i] = [2]bool{op.Ends != model.EndCount, op.Ends != model.EndCount && op.Ends != model.EndOnes}
		case op.Step.Gives == model.GivesOnlyKey:
			w.needs[i] = [2]bool{next[0], false}
		case op.Step.Gives == model.GivesOnlyValue:
			w.needs[i] = [2]bool{false, next[0]}
		case op.Step.Takes == model.TakesValue:
			w.needs[i] = [2]bool{next[0], true}
		default:
			w.needs[i] = all
		}
	}
}

// unpack names key and value of a pair without copying them to variables:
// fields of a local are as good.
func (w *kernel) unpack(row string) {
	if w.row.kind == model.Pair {
		w.row.values = []string{row + ".Key", row + ".Value"}
	}
}

// comment says what the kernel is.
func (w *kernel) comment() string {
	var parts []string
	for i, part := range w.k.Parts {
		op := w.op(i)
		text := fmt.Sprintf("%s (%s", op.Name, op.Pos)
		switch {
		case part.Name == "map":
			text += ", map side"
		case part.Name != "":
			text += ", " + part.Name
		case op.In.Kind > model.Pair:
			text += ", behind the shuffle"
		}
		parts = append(parts, text+")")
	}
	return w.k.Name + " is " + strings.Join(parts, ", ") + "."
}

// rows is the type of a batch.
func (w *kernel) rows(s model.Shape) *jen.Statement {
	return w.e.rdd("Rows").Types(w.rowType(s.Kind, s.Types))
}

var kindNames = map[model.Kind]string{model.Pair: "Pair", model.Group: "Group", model.Joined: "Joined", model.CoGrouped: "CoGrouped", model.CoGrouped3: "CoGrouped3"}

func (w *kernel) rowType(kind model.Kind, ts []model.Type) jen.Code {
	if kind == model.Row {
		return jen.Id(string(ts[0]))
	}
	return w.e.rdd(kindNames[kind]).Types(typeCodes(ts)...)
}

// last is the operator in whose sink the kernel ends; nil when it fills a batch.
func (w *kernel) last() *model.Op {
	i := len(w.k.Parts) - 1
	op := w.op(i)
	if op.Ends == model.EndRows || w.k.Parts[i].Name != sinkPart(op) {
		return nil
	}
	return op
}

// sinkPart is the name of the part that kernels may end in.
func sinkPart(op *model.Op) string {
	switch op.Ends {
	case model.EndPairs, model.EndDistinct, model.EndKeyed, model.EndOnes:
		return "map"
	}
	return ""
}

// prepare unpacks the target and the With values, and binds literals.
func (w *kernel) prepare(g *jen.Group, anyOut string) {
	last := w.last()
	var target *jen.Statement
	switch {
	case last == nil:
		op := w.op(len(w.k.Parts) - 1)
		target = w.rows(op.Out)
	case sinkPart(last) == "map":
		target = w.e.rdd("Combiner").Types(typeCodes(last.EndTypes)...)
	default:
		target = w.e.rdd("Acc").Types(typeCodes(last.EndTypes)...)
	}
	g.Id(w.out).Op(":=").Id(anyOut).Assert(jen.Op("*").Add(target))
	for i := range w.k.Parts {
		if op := w.op(i); op.Env != nil && w.uses(i) {
			w.usesEnv = true
			w.envs[i] = w.name(op.Funcs[0].Params[0], "env")
			g.Id(w.envs[i]).Op(":=").Id(w.env).Index(jen.Lit(i)).Assert(jen.Id(string(*op.Env)))
		}
	}
	for i := range w.k.Parts {
		w.bind(g, i)
	}
	if last != nil && sinkPart(last) == "" {
		w.accPrepare(g, last)
	}
}

// uses says whether the kernel calls the function of operator i.
func (w *kernel) uses(i int) bool {
	op := w.op(i)
	if i == len(w.k.Parts)-1 && w.last() == op {
		return op.Ends == model.EndKeyed || op.Ends == model.EndReduce || op.Ends == model.EndAdd
	}
	return len(op.Funcs) > 0
}

// function is the function of operator i that the kernel calls.
func (w *kernel) function(i int) *model.Func {
	op := w.op(i)
	if op.Ends == model.EndAdd {
		return &op.Funcs[op.Ctor.Func]
	}
	return &op.Funcs[0]
}

// bind makes a local of a literal that the compiler inlines only where it is
// called once.
func (w *kernel) bind(g *jen.Group, i int) {
	if !w.uses(i) {
		return
	}
	f := w.function(i)
	w.calls[i] = f.Call
	if f.Faster != "" {
		w.calls[i] = w.e.p.RDD + "." + f.Faster
	}
	if f.Body == nil || !f.Body.Bound {
		return
	}
	text, err := bodyText(f.Name, f.Body)
	if err != nil {
		return // copied reports it
	}
	name := w.name(lowerName(w.op(i).Name)+"Func", "")
	w.calls[i] = name
	g.Op(directive(f.Body.Pos) + name + " := func" + text + "\n" + lineMark + "\n")
}

func lowerName(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// call writes the call of operator i's function with what it takes of the row.
func (w *kernel) call(i int) *jen.Statement {
	op := w.op(i)
	var args []jen.Code
	if op.Env != nil {
		args = append(args, jen.Id(w.envs[i]))
	}
	row := w.row.values
	switch op.Step.Takes {
	case model.TakesRow:
		for _, v := range row {
			args = append(args, jen.Id(v))
		}
	case model.TakesValue:
		args = append(args, jen.Id(row[1]))
	case model.TakesGroup:
		args = append(args, jen.Id(row[0]).Dot("Key"), jen.Id(row[0]).Dot("Values"))
	case model.TakesSides:
		args = append(args, jen.Id(row[0]).Dot("Left"), jen.Id(row[0]).Dot("Right"))
	case model.TakesCoGroup:
		args = append(args, jen.Id(row[0]).Dot("Key"), jen.Id(row[0]).Dot("Left"), jen.Id(row[0]).Dot("Right"))
	case model.TakesCoGroup3:
		args = append(args, jen.Id(row[0]).Dot("Key"), jen.Id(row[0]).Dot("First"), jen.Id(row[0]).Dot("Second"), jen.Id(row[0]).Dot("Third"))
	}
	return jen.Id(w.calls[i]).Call(args...)
}

// whole is the row in hand as one expression.
func (w *kernel) whole() jen.Code {
	if one, ok := w.single(); ok {
		return jen.Id(one)
	}
	return jen.Add(w.rowType(model.Pair, w.row.types)).Values(jen.Dict{
		jen.Id("Key"): jen.Id(w.row.values[0]), jen.Id("Value"): jen.Id(w.row.values[1]),
	})
}

// single is the row in hand where it is in one variable already.
func (w *kernel) single() (string, bool) {
	if w.row.kind != model.Pair {
		return w.row.values[0], true
	}
	base, ok := strings.CutSuffix(w.row.values[0], ".Key")
	return base, ok && w.row.values[1] == base+".Value"
}

// step writes operator i and what follows it.
func (w *kernel) step(g *jen.Group, i int) {
	if i == len(w.k.Parts) {
		w.push(g, w.whole())
		return
	}
	op := w.op(i)
	if i == len(w.k.Parts)-1 && w.last() == op {
		w.sink(g, i)
		return
	}
	switch op.Step.Gives {
	case model.GivesSame:
		g.If(jen.Op("!").Add(w.call(i))).Block(jen.Continue())
		w.step(g, i+1)
		return
	case model.GivesOnlyKey:
		w.row = current{types: op.Out.Types, values: w.row.values[:1]}
		w.step(g, i+1)
		return
	case model.GivesOnlyValue:
		w.row = current{types: op.Out.Types, values: w.row.values[1:]}
		w.step(g, i+1)
		return
	}
	if op.Step.Gives == model.GivesKey {
		w.assemble(g)
	}
	results, next := w.results(i)
	from := w.call(i)
	if op.Step.Try {
		from = w.try(g, i, from, results)
	}
	switch {
	case op.Step.Seq:
		g.For(assign(results).Range().Add(from)).BlockFunc(func(g *jen.Group) {
			w.row = next
			w.step(g, i+1)
		})
		return
	case !op.Step.Try:
		g.Add(assign(results)).Add(from)
	}
	w.row = next
	w.step(g, i+1)
}

// assemble makes one variable of a pair whose parts are in two.
func (w *kernel) assemble(g *jen.Group) {
	if _, ok := w.single(); ok {
		return
	}
	pair := w.name("pair", "")
	g.Id(pair).Op(":=").Add(w.whole())
	w.unpack(pair)
}

// try writes the call of a function that may fail, and gives what its sequence
// is called, where it has one.
func (w *kernel) try(g *jen.Group, i int, from *jen.Statement, results []string) *jen.Statement {
	w.usesTask = true
	err := w.name("err", "")
	seq := ""
	if w.op(i).Step.Seq {
		seq = w.name("seq", "")
		results = []string{seq}
	}
	g.Add(list(append(results[:len(results):len(results)], err))).Op(":=").Add(from)
	g.If(jen.Id(err).Op("!=").Nil()).Block(
		jen.Id(w.task).Dot("RejectIn").Call(jen.Lit(i), w.whole(), jen.Id(err)),
		jen.Continue(),
	)
	return jen.Id(seq)
}

// assign declares the names that are not blank.
func assign(names []string) *jen.Statement {
	for _, n := range names {
		if n != "_" {
			return list(names).Op(":=")
		}
	}
	return list(names).Op("=")
}

func list(names []string) *jen.Statement {
	var ids []jen.Code
	for _, n := range names {
		ids = append(ids, jen.Id(n))
	}
	return jen.List(ids...)
}

// results names what operator i's function gives, and the row that becomes of
// it.
func (w *kernel) results(i int) (names []string, next current) {
	op := w.op(i)
	needs := w.needs[i+1]
	next = current{kind: op.Out.Kind, types: op.Out.Types}
	local := func(part int, other string) string {
		if !needs[part] {
			return "_"
		}
		return w.name(w.following(i, part), other)
	}
	switch op.Step.Gives {
	case model.GivesPair:
		next.values = []string{local(0, "k"), local(1, "v")}
		return next.values, next
	case model.GivesValue:
		key := w.row.values[0]
		if w.row.kind != model.Pair {
			key += ".Key"
		}
		next.values = []string{key, local(1, "v")}
		return next.values[1:], next
	case model.GivesKey:
		row, _ := w.single() // assemble made it so
		next.values = []string{local(0, "k"), row}
		return next.values[:1], next
	}
	next.values = []string{local(0, "x")}
	return next.values, next
}

// following is the name that the next operator's function has for what
// operator i gives.
func (w *kernel) following(i, n int) string {
	if i+1 >= len(w.k.Parts) || w.k.Parts[i+1].Name != "" {
		return ""
	}
	next := w.op(i + 1)
	if next.Ends != model.EndRows || next.Step.Takes == model.TakesNothing {
		return ""
	}
	if next.Step.Takes == model.TakesValue {
		if n == 0 {
			return ""
		}
		n = 0
	}
	return w.param(i+1, n)
}

// push puts something into the target, and ends the kernel when no more is
// wanted.
func (w *kernel) push(g *jen.Group, args ...jen.Code) {
	g.If(jen.Op("!").Id(w.out).Dot("Push").Call(args...).Op("&&").Op("!").Id(w.out).Dot("Flush").Call()).Block(jen.Return())
}

// sink writes the end of a kernel that ends in a sink.
func (w *kernel) sink(g *jen.Group, i int) {
	row := w.row.values
	switch op := w.op(i); op.Ends {
	case model.EndPairs:
		w.push(g, jen.Id(row[0]), jen.Id(row[1]))
	case model.EndOnes:
		w.push(g, jen.Id(row[0]), jen.Lit(1))
	case model.EndDistinct:
		w.push(g, w.whole(), jen.Struct().Values())
	case model.EndKeyed:
		w.push(g, w.call2(i, w.whole()), w.whole())
	case model.EndCount:
		g.Id(w.calls[-1]).Op("++")
	case model.EndAdd:
		g.Add(w.call2(i, jen.Op("&").Id(w.calls[-1]), w.whole()))
	case model.EndReduce:
		acc, has := w.calls[-1], w.calls[-2]
		g.If(jen.Id(has)).Block(
			jen.Id(acc).Op("=").Add(w.call2(i, jen.Id(acc), w.whole())),
		).Else().Block(
			jen.List(jen.Id(acc), jen.Id(has)).Op("=").List(w.whole(), jen.True()),
		)
	}
}

// call2 calls the function of a sink.
func (w *kernel) call2(i int, args ...jen.Code) *jen.Statement {
	if w.op(i).Env != nil {
		args = append([]jen.Code{jen.Id(w.envs[i])}, args...)
	}
	return jen.Id(w.calls[i]).Call(args...)
}

// accPrepare takes an accumulator into local variables, which the compiler
// keeps in registers, and finish puts it back.
func (w *kernel) accPrepare(g *jen.Group, last *model.Op) {
	w.calls[-1] = w.name("acc", "")
	if last.Ends == model.EndReduce {
		w.calls[-2] = w.name("has", "")
		g.List(jen.Id(w.calls[-1]), jen.Id(w.calls[-2])).Op(":=").List(jen.Id(w.out).Dot("Value"), jen.Id(w.out).Dot("Has"))
		return
	}
	g.Id(w.calls[-1]).Op(":=").Id(w.out).Dot("Value")
}

func (w *kernel) finish(g *jen.Group) {
	last := w.last()
	if last == nil || sinkPart(last) != "" {
		return
	}
	if last.Ends == model.EndReduce {
		g.List(jen.Id(w.out).Dot("Value"), jen.Id(w.out).Dot("Has")).Op("=").List(jen.Id(w.calls[-1]), jen.Id(w.calls[-2]))
		return
	}
	g.Id(w.out).Dot("Value").Op("=").Id(w.calls[-1])
}
