package gossip

import (
	"context"
	"log/slog"
	"strings"
)

// levelHandler turns the lines of serf and memberlist, which begin with a level
// in brackets, into records of that level. What they say of single packets and
// connections is for debugging only: anyone who reaches the port can cause it.
type levelHandler struct{ to slog.Handler }

var levels = []struct {
	prefix string
	level  slog.Level
}{
	{"[DEBUG] ", slog.LevelDebug},
	{"[INFO] ", slog.LevelDebug}, // members' events are logged by the pump
	{"[WARN] ", slog.LevelInfo},
	{"[ERR] ", slog.LevelWarn},
}

func parseLine(line string) (slog.Level, string) {
	for _, l := range levels {
		if rest, ok := strings.CutPrefix(line, l.prefix); ok {
			if strings.Contains(rest, "from=") { // a stranger's packet or connection
				return slog.LevelDebug, rest
			}
			return l.level, rest
		}
	}
	return slog.LevelInfo, line
}

func (h levelHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h levelHandler) Handle(ctx context.Context, r slog.Record) error {
	level, text := parseLine(r.Message)
	if !h.to.Enabled(ctx, level) {
		return nil
	}
	return h.to.Handle(ctx, slog.NewRecord(r.Time, level, text, 0))
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.to.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler { return levelHandler{h.to.WithGroup(name)} }
