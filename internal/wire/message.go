package wire

import (
	"errors"
	"fmt"

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
)

// encode gives a message's kind and body.
func encode(m Message) (kind byte, body []byte, err error) {
	switch m := m.(type) {
	case *Options:
		body, err = plan.Encode(m)
		kind = kindOptions
	case *Started:
		body, err = plan.Encode(m)
		kind = kindStarted
	case *plan.ActionStatus:
		body, err = plan.Encode(m)
		kind = kindStatus
	case *Notice:
		body, err = plan.Encode(m)
		kind = kindNotice
	case *Explained:
		body, err = plan.Encode(m)
		kind = kindExplained
	case *Seen:
		body, err = plan.Encode(m)
		kind = kindSeen
	case *Cancel:
		body, err = plan.Encode(m)
		kind = kindCancel
	case *Ended:
		body, err = plan.Encode(m)
		kind = kindEnded
	default:
		err = fmt.Errorf("%T is no message", m)
	}
	return kind, body, err
}

// decoders has the decoder of each kind.
var decoders = map[byte]func([]byte) (Message, error){
	kindOptions:   decodeAs[Options],
	kindStarted:   decodeAs[Started],
	kindStatus:    decodeStatus,
	kindNotice:    decodeAs[Notice],
	kindExplained: decodeExplained,
	kindSeen:      decodeAs[Seen],
	kindCancel:    decodeAs[Cancel],
	kindEnded:     decodeAs[Ended],
}

func decodeAs[T any](b []byte) (Message, error) {
	m, err := plan.Decode[T](b)
	if err != nil {
		return nil, err
	}
	return m, nil
}

var errRange = errors.New("a number is none of its kind's")

func decodeStatus(b []byte) (Message, error) {
	s, err := plan.Decode[plan.ActionStatus](b)
	if err != nil {
		return nil, err
	}
	ok := s.State <= plan.ActionCancelled
	for _, st := range s.Stages {
		ok = ok && st.Kind <= plan.ValueStage && st.Tasks >= 0 && st.Done >= 0 && st.Running >= 0
	}
	if !ok {
		return nil, fmt.Errorf("decode %T: %w", s, errRange)
	}
	return s, nil
}

func decodeExplained(b []byte) (Message, error) {
	x, err := plan.Decode[Explained](b)
	if err != nil {
		return nil, err
	}
	for _, st := range x.Stages {
		part := st.Stage.Sink.Part
		if st.Stage.Kind > plan.ValueStage || part != nil && part.Kind > plan.SinglePartitioner {
			return nil, fmt.Errorf("decode %T: %w", x, errRange)
		}
	}
	return x, nil
}
