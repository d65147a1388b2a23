package plan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Labels are what a user says about an action: they do not change what it does.
type Labels struct {
	Description string   // one line, for people
	Tags        []string // actions with one tag can be cancelled together
}

const (
	// MaxDescription is the most bytes of an action's description.
	MaxDescription = 1024
	// MaxTags is the most tags of an action.
	MaxTags = 32
	// MaxTag is the most bytes of a tag.
	MaxTag = 128
)

// Check says what is wrong with labels, which may come from another process.
func (l Labels) Check() error {
	if len(l.Description) > MaxDescription {
		return fmt.Errorf("the action's description has %d bytes: the most is %d", len(l.Description), MaxDescription)
	}
	if !oneLine(l.Description) {
		return fmt.Errorf("the action's description %q is not one line of text", l.Description)
	}
	if len(l.Tags) > MaxTags {
		return fmt.Errorf("the action has %d tags: the most is %d", len(l.Tags), MaxTags)
	}
	for _, tag := range l.Tags {
		if err := CheckTag(tag); err != nil {
			return err
		}
	}
	return nil
}

// CheckTag says what is wrong with one tag.
func CheckTag(tag string) error {
	switch {
	case tag == "":
		return fmt.Errorf("a tag is empty")
	case len(tag) > MaxTag:
		return fmt.Errorf("the tag %.40q… has %d bytes: the most is %d", tag, len(tag), MaxTag)
	case !oneLine(tag) || strings.Contains(tag, ","):
		return fmt.Errorf("the tag %q has a comma, or is not one line of text", tag)
	}
	return nil
}

func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
