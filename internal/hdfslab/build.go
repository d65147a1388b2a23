//go:build unix

package hdfslab

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// sources are the project that Maven makes the class path of.
//
//go:embed all:hadoop
var sources embed.FS

// ErrMissing is what errors of a machine without Java or Maven wrap.
var ErrMissing = errors.New("a JDK and Maven are needed")

// classPath downloads and compiles what the daemons run, once for each version of the sources, and
// returns it as java -cp wants it. Several processes may do so at a time: the first to be done wins.
func classPath(ctx context.Context) (string, error) {
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: no %s in PATH", ErrMissing, tool)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key, err := digest()
	if err != nil {
		return "", err
	}
	out := filepath.Join(cache, "gordd", "hdfslab", key)
	if _, err := os.Stat(out); err != nil {
		if err := build(ctx, out); err != nil {
			return "", err
		}
	}
	return filepath.Join(out, "target", "classes") + ":" + filepath.Join(out, "lib", "*"), nil
}

// digest names the sources by what is in them.
func digest() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := sources.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s %d\n%s", path, len(data), data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}

// build makes the directory out in one step, so that it is there whole or not at all.
func build(ctx context.Context, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), "build")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.CopyFS(tmp, sources); err != nil {
		return err
	}
	made := filepath.Join(tmp, "out")
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-ntp", "-f", filepath.Join(tmp, "hadoop", "pom.xml"), "-Dlab.out="+made, "compile")
	if log, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch and compile the Hadoop classes with mvn: %w\n%s", err, log)
	}
	if err := os.Rename(made, out); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
