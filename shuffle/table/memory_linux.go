package table

import "syscall"

// madvPopulateWrite is MADV_POPULATE_WRITE of Linux 5.14.
const madvPopulateWrite = 23

// mapMemory returns zeroed memory on huge pages where there are some, or nil.
func mapMemory(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	// Hints: it works without. A table is read before it is written, which would map every page twice, first to the
	// page of zeros; so all pages are made at once, for writing.
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
	_ = syscall.Madvise(b, madvPopulateWrite)
	return b
}

func unmapMemory(b []byte) {
	if b == nil {
		return
	}
	if err := syscall.Munmap(b); err != nil {
		panic("shuffle: unmap table: " + err.Error())
	}
}
