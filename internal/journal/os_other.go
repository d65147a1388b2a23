//go:build !(darwin || linux)

package journal

import "os"

// tryLock does nothing: there are no locks here.
func tryLock(*os.File) error { return nil }

// syncDir does nothing: directories cannot be synced here.
func syncDir(string) error { return nil }
