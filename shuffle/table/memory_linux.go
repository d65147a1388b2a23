package table

import "syscall"

// mapMemory returns zeroed memory on huge pages where there are some, or nil.
func mapMemory(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) // a hint: it works without
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
