package journal

import (
	"fmt"

	"github.com/gordd-project/gordd/internal/forms"
	"github.com/gordd-project/gordd/internal/sched/model"
)

// The kinds, as frames carry them. Append only.
const (
	kindTermStarted byte = iota + 1
	kindJobAccepted
	kindActionAccepted
	kindSplitsPlanned
	kindPrepared
	kindGenRaised
	kindClassChanged
	kindLaunched
	kindOutputAt
	kindOutputGone
	kindMoved
	kindWon
	kindResultAt
	kindFailure
	kindWorkerSeen
	kindWorkerRule
	kindPoolSet
	kindCommitIntent
	kindCommitted
	kindActionEnded
	kindCancelAccepted
	kindJobEnded
	kindCollected
	kindBlobHeld
)

// table has the form of each record.
var table = forms.NewTable(maxBody,
	forms.Value[model.TermStarted](kindTermStarted, nil),
	forms.Value[model.JobAccepted](kindJobAccepted, nil),
	forms.Value(kindActionAccepted, func(r *model.ActionAccepted) bool { return r.Submit.Action.N > 0 }),
	forms.Value[model.SplitsPlanned](kindSplitsPlanned, nil),
	forms.Value[model.Prepared](kindPrepared, nil),
	forms.Value[model.GenRaised](kindGenRaised, nil),
	forms.Value[model.ClassChanged](kindClassChanged, nil),
	forms.Value(kindLaunched, goodLaunched),
	forms.Value(kindOutputAt, func(r *model.OutputAt) bool { return goodAttempt(r.Output.Attempt) }),
	forms.Value(kindOutputGone, func(r *model.OutputGone) bool { return r.Partition >= 0 }),
	forms.Value(kindMoved, func(r *model.Moved) bool { return goodAttempt(r.Output) }),
	forms.Value(kindWon, func(r *model.Won) bool { return goodAttempt(r.File.Attempt) }),
	forms.Value(kindResultAt, func(r *model.ResultAt) bool { return goodAttempt(r.Attempt) }),
	forms.Value(kindFailure, func(r *model.Failure) bool { return goodAttempt(r.Attempt) && r.Class <= model.Refused }),
	forms.Value[model.WorkerSeen](kindWorkerSeen, nil),
	forms.Value[model.WorkerRule](kindWorkerRule, nil),
	forms.Value[model.PoolSet](kindPoolSet, nil),
	forms.Value(kindCommitIntent, goodIntent),
	forms.Value[model.Committed](kindCommitted, nil),
	forms.Value(kindActionEnded, func(r *model.ActionEnded) bool { return r.State.Ended() && r.State <= model.ActionCancelled }),
	forms.Value[model.CancelAccepted](kindCancelAccepted, nil),
	forms.Value(kindJobEnded, func(r *model.JobEnded) bool { return r.State.Ended() && r.State <= model.JobCancelled }),
	forms.Value[model.CollectedRecord](kindCollected, nil),
	forms.Value(kindBlobHeld, func(r *model.BlobHeld) bool { return r.Digest.Valid() }),
)

func goodAttempt(a model.AttemptID) bool {
	return a.Partition >= 0 && a.Gen >= 0 && a.Stage.Action >= 0
}

func goodLaunched(r *model.Launched) bool {
	for _, a := range r.Attempts {
		if !goodAttempt(a) {
			return false
		}
	}
	return true
}

func goodIntent(r *model.CommitIntent) bool {
	for i := range r.Manifest.Files {
		if !goodAttempt(r.Manifest.Files[i].Attempt) {
			return false
		}
	}
	return true
}

// decode gives the record of a kind, or an error for one of a newer release.
func decode(kind byte, body []byte) (model.Record, error) {
	m, err := table.Decode(kind, body)
	if err != nil {
		return nil, err
	}
	r, ok := m.(model.Record)
	if !ok {
		return nil, fmt.Errorf("%T is no record", m)
	}
	return r, nil
}
