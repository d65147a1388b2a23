package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Repaired is what Repair did.
type Repaired struct {
	Records int   // that are there
	Cut     int64 // bytes behind them; 0: nothing was wrong
	Copy    string
}

// Repair cuts a directory's journal off where it is damaged, and keeps a copy of
// the whole file beside it. What the records behind the damage said is lost to the
// next master: jobs may run work again, or be gone. The error is a *LockedError
// while a master uses the directory.
func Repair(dir string) (r Repaired, err error) {
	path := filepath.Join(dir, fileName)
	if _, err := os.Stat(path); err != nil {
		return r, fmt.Errorf("repair journal: %w", err)
	}
	l, err := lock(dir, fmt.Sprintf("rddctl journal repair with pid %d", os.Getpid()))
	if err != nil {
		return r, fmt.Errorf("repair journal: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return r, fmt.Errorf("repair journal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := scan(f, path)
	if err != nil {
		return r, fmt.Errorf("repair journal: nothing of it can be kept: %w", err)
	}
	r.Records, s.end, err = decodable(f, path, s)
	if err != nil {
		return r, fmt.Errorf("repair journal: %w", err)
	}
	if r.Cut = s.size - s.end; r.Cut == 0 {
		return r, nil
	}
	if r.Copy, err = copyOf(f, path); err == nil {
		err = errors.Join(f.Truncate(s.end), f.Sync(), syncDir(dir))
	}
	if err != nil {
		return r, fmt.Errorf("repair journal: %w", err)
	}
	return r, nil
}

// decodable gives how many of the whole frames at the beginning hold records, and
// where they end.
func decodable(f *os.File, path string, s findings) (records int, end int64, err error) {
	for _, err := range entries(f, path, s.begin, s.end) {
		var bad *DamageError
		if errors.As(err, &bad) {
			return records, bad.Offset, nil
		}
		records++
	}
	return records, s.end, nil
}

// copyOf copies a file to the first name beside it that is not taken.
func copyOf(f *os.File, path string) (string, error) {
	var to *os.File
	var err error
	for n := 1; ; n++ {
		to, err = os.OpenFile(fmt.Sprintf("%s.damaged-%d", path, n), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", errors.Join(err, to.Close())
	}
	_, err = io.Copy(to, f)
	return to.Name(), errors.Join(err, to.Sync(), to.Close())
}
