//go:build darwin || linux

package machine

import "syscall"

// Disk gives the bytes that a user may still fill the file system of dir with, and
// those of all of it.
func Disk(dir string) (free, size int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail * uint64(st.Bsize)), int64(st.Blocks * uint64(st.Bsize)), nil
}
