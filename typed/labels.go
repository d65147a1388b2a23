package typed

import (
	"context"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/rdd/plan"
)

type labelsKey struct{}

// labelsOf gives what a context says about actions.
func labelsOf(ctx context.Context) plan.Labels {
	l, _ := ctx.Value(labelsKey{}).(plan.Labels)
	return l
}

// WithDescription gives a context for actions of which people see the text beside their name and line: in
// what rddctl run and submit print, in rddctl job, and on the master's page. It has at most 1,024 bytes; line
// breaks become spaces. It takes the place of the description of ctx.
func WithDescription(ctx context.Context, text string) context.Context {
	l := labelsOf(ctx)
	l.Description = strings.Join(strings.Fields(text), " ")
	return context.WithValue(ctx, labelsKey{}, l)
}

// WithTags gives a context for actions that have the tags, beside those of ctx: at most 32, each of 1 to 128
// bytes on one line without commas. Actions of one tag are cancelled together, by [Session.CancelTag] or by
// rddctl cancel --tag. Within a program cancelling their context does the same, and keeps later ones from beginning.
func WithTags(ctx context.Context, tags ...string) context.Context {
	l := labelsOf(ctx)
	l.Tags = slices.Clone(l.Tags)
	for _, tag := range tags {
		if !slices.Contains(l.Tags, tag) {
			l.Tags = append(l.Tags, tag)
		}
	}
	return context.WithValue(ctx, labelsKey{}, l)
}

// CancelTag cancels the session's running actions that have a tag, all but those that put their output in place
// already: they end with cause, or with context.Canceled where that is nil. Later actions are not concerned.
func (s *Session) CancelTag(tag string, cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	s.engine.CancelTag(tag, cause)
}
