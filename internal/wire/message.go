package wire

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Options are the starter's first message: what shall hold for the child's
// sessions. Zero values leave what the child's own code or environment says.
type Options struct {
	Cores     int
	Memory    int64
	MaxResult int64
	Scratch   string
	// Fresh refuses code that changed since it was generated.
	Fresh bool
	// Explain explains every action instead of running it.
	Explain bool
	// Executor makes the child run the tasks that it is sent rather than the
	// program's own run function.
	Executor bool
}

// Started is the child's first message.
type Started struct {
	Program string
	PID     int
}

// Notice is something the user should know once.
type Notice struct {
	Text string
}

// Explained is an action that would have run.
type Explained struct {
	Action string
	Site   plan.Site
	Output string // the directory it writes, if any
	Stages []plan.StageExplain
}

// Seen acknowledges the last picture of an action: what was drawn about it is
// out of the way.
type Seen struct {
	ID plan.ActionID
}

// Cancel asks the child to end. Now leaves it no time.
type Cancel struct {
	Now bool
}

// Ended is the child's last message.
type Ended struct {
	Code int
}

// TaskPlan gives an executor the resolved plan of tasks to come.
type TaskPlan struct {
	Digest plan.Digest
	Plan   []byte // encoded
}

// ForgetPlan says that no task of a plan follows.
type ForgetPlan struct {
	Digest plan.Digest
}

// ForgetShuffle says that no task to come reads a shuffle.
type ForgetShuffle struct {
	Stage plan.StageKey
}

// RunTask starts a task of a stage of a plan. Seq tells it from all others that
// the executor is ever sent.
type RunTask struct {
	Seq   uint64
	Plan  plan.Digest
	Stage plan.StageKey
	Task  plan.Task
}

// KillTask ends a task soon.
type KillTask struct {
	Seq    uint64
	Reason string
}

// TaskEnded is an executor's report: either a result or a failure.
type TaskEnded struct {
	Seq     uint64
	Result  *plan.Result
	Failure *plan.Failure
}

// WantBlob asks for a blob that a plan names.
type WantBlob struct {
	Digest plan.Digest
}

// BlobAt says in which file a blob is, or why it is not to be had.
type BlobAt struct {
	Digest plan.Digest
	Path   string
	Error  string
}

// Message is one of the messages of this package, or a *plan.ActionStatus: a
// picture of a running action.
type Message any

// The kinds, as frames carry them. Append only.
const (
	kindOptions byte = iota + 1
	kindStarted
	kindStatus
	kindNotice
	kindExplained
	kindSeen
	kindCancel
	kindEnded
	kindTaskPlan
	kindForgetPlan
	kindForgetShuffle
	kindRunTask
	kindKillTask
	kindTaskEnded
	kindWantBlob
	kindBlobAt
)

// form is how messages of one kind travel.
type form struct {
	kind   byte
	encode func(Message) ([]byte, error)
	decode func([]byte) (Message, error)
}

// formOf is the form of messages of type *T. Bytes are refused whose message
// does not pass the check.
func formOf[T any](kind byte, check func(*T) bool) form {
	return form{kind: kind,
		encode: func(m Message) ([]byte, error) { return plan.Encode(m.(*T)) },
		decode: func(b []byte) (Message, error) {
			m, err := plan.Decode[T](b)
			if err != nil {
				return nil, err
			}
			if check != nil && !check(m) {
				return nil, fmt.Errorf("decode %T: %w", m, errRange)
			}
			return m, nil
		}}
}

var errRange = errors.New("a number is none of its kind's")

// forms has the form of each message, by an example of it.
var forms = map[reflect.Type]form{
	reflect.TypeFor[*Options]():           formOf[Options](kindOptions, nil),
	reflect.TypeFor[*Started]():           formOf[Started](kindStarted, nil),
	reflect.TypeFor[*plan.ActionStatus](): formOf(kindStatus, goodStatus),
	reflect.TypeFor[*Notice]():            formOf[Notice](kindNotice, nil),
	reflect.TypeFor[*Explained]():         formOf(kindExplained, goodExplained),
	reflect.TypeFor[*Seen]():              formOf[Seen](kindSeen, nil),
	reflect.TypeFor[*Cancel]():            formOf[Cancel](kindCancel, nil),
	reflect.TypeFor[*Ended]():             formOf[Ended](kindEnded, nil),
	reflect.TypeFor[*TaskPlan]():          formOf[TaskPlan](kindTaskPlan, nil),
	reflect.TypeFor[*ForgetPlan]():        formOf[ForgetPlan](kindForgetPlan, nil),
	reflect.TypeFor[*ForgetShuffle]():     formOf[ForgetShuffle](kindForgetShuffle, nil),
	reflect.TypeFor[*RunTask]():           formOf(kindRunTask, goodTask),
	reflect.TypeFor[*KillTask]():          formOf[KillTask](kindKillTask, nil),
	reflect.TypeFor[*TaskEnded]():         formOf(kindTaskEnded, goodEnd),
	reflect.TypeFor[*WantBlob]():          formOf[WantBlob](kindWantBlob, nil),
	reflect.TypeFor[*BlobAt]():            formOf[BlobAt](kindBlobAt, nil),
}

// byKind has the forms by the kinds that frames carry.
var byKind = func() map[byte]form {
	m := map[byte]form{}
	for _, f := range forms {
		m[f.kind] = f
	}
	return m
}()

// encode gives a message's kind and body.
func encode(m Message) (kind byte, body []byte, err error) {
	f, ok := forms[reflect.TypeOf(m)]
	if !ok {
		return 0, nil, fmt.Errorf("%T is no message", m)
	}
	body, err = f.encode(m)
	return f.kind, body, err
}

func goodStatus(s *plan.ActionStatus) bool {
	ok := s.State <= plan.ActionCancelled
	for _, st := range s.Stages {
		ok = ok && st.Kind <= plan.ValueStage && st.Tasks >= 0 && st.Done >= 0 && st.Running >= 0
	}
	return ok
}

func goodExplained(x *Explained) bool {
	for _, st := range x.Stages {
		part := st.Stage.Sink.Part
		if st.Stage.Kind > plan.ValueStage || part != nil && part.Kind > plan.SinglePartitioner {
			return false
		}
	}
	return true
}

func goodTask(r *RunTask) bool { return r.Task.Partition >= 0 && r.Task.Gen >= 0 }

// goodEnd says that an executor's word can be believed as far as it concerns
// whoever counts with it.
func goodEnd(e *TaskEnded) bool {
	if (e.Result == nil) == (e.Failure == nil) {
		return false
	}
	if f := e.Failure; f != nil {
		return f.Class >= plan.FailUser && f.Class <= plan.FailRefused && (f.Fetch == nil || f.Fetch.Map >= 0)
	}
	r := e.Result
	return r.Rows >= 0 && r.Bytes >= 0 && (r.Staged == nil || r.Staged.Rows >= 0 && r.Staged.Bytes >= 0)
}
