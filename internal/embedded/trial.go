package embedded

import "context"

// Trial is what a test does to the sessions it starts. It comes with their
// context, so that programs have no options for it.
type Trial struct {
	// Wrap makes the executor that runs attempts of the one that would; nil
	// leaves it.
	Wrap func(Executor) Executor
	// Executor makes the executor that runs attempts in place of the session's
	// own; nil leaves it.
	Executor func(*Engine) Executor
	// Attempts is how often a task is tried; 0 is once.
	Attempts int
	// Memory is the budget instead of the session's, and may be smaller than
	// a session's least; 0 leaves it.
	Memory int64
	// Strict fails tasks of functions that keep or change what they must not.
	Strict bool
}

type trialKey struct{}

// WithTrial returns a context for sessions that are tried.
func WithTrial(ctx context.Context, t Trial) context.Context {
	return context.WithValue(ctx, trialKey{}, t)
}

// TrialOf returns the trial that a context was given.
func TrialOf(ctx context.Context) Trial {
	t, _ := ctx.Value(trialKey{}).(Trial)
	return t
}
