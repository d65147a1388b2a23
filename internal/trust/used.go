package trust

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// usedFile has the tokens that were used, in the directory of who redeems them.
const usedFile = "used-tokens"

// MaxUsed is how many tokens Save can write: the limit for NewRedeemer.
const MaxUsed = 1024

// Save writes the tokens that are remembered into dir, from where LoadUsed reads
// them.
func (r *Redeemer) Save(dir string) error {
	var b []byte
	for _, u := range r.Used() {
		b = fmt.Appendf(b, "%s %d\n", u.ID, u.Expiry.Unix())
	}
	if err := writeFile(dir, usedFile, b); err != nil {
		return fmt.Errorf("save used join tokens: %w", err)
	}
	return nil
}

// LoadUsed reads what Save wrote; nothing, if nothing was saved in dir.
func LoadUsed(dir string) ([]UsedToken, error) {
	b, err := readFile(dir, usedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load used join tokens: %w", err)
	}
	used, err := parseUsed(string(b))
	if err != nil {
		return nil, fmt.Errorf("load used join tokens: %w", fileError(dir, usedFile, err))
	}
	return used, nil
}

func parseUsed(text string) (used []UsedToken, err error) {
	for line := range strings.Lines(text) {
		var u UsedToken
		id, at, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		raw, err := hex.DecodeString(id)
		unix, perr := strconv.ParseUint(at, 10, 40)
		if err != nil || perr != nil || len(raw) != len(u.ID) || len(used) == MaxUsed {
			return nil, fmt.Errorf("line %d is no token's", len(used)+1)
		}
		copy(u.ID[:], raw)
		u.Expiry = time.Unix(int64(unix), 0)
		used = append(used, u)
	}
	return used, nil
}
