package hdfs

import (
	"strings"
	"time"

	lib "github.com/colinmarc/hdfs/v2"

	"github.com/gordd-project/gordd/storage"
)

// infoOf describes a file by what the name node says of it.
func infoOf(url string, st *lib.FileStatus, known hosts) storage.Info {
	const dir, file = 1, 2
	info := storage.Info{
		Path:    url,
		Size:    int64(st.GetLength()),
		ModTime: time.UnixMilli(int64(st.GetModificationTime())),
		Dir:     st.GetFileType() == dir,
		Regular: st.GetFileType() == file,
		ID:      st.GetFileId(),
	}
	blocks := st.GetLocations().GetBlocks()
	if len(blocks) == 0 {
		return info
	}
	info.Blocks = make([]storage.Block, len(blocks))
	var names [16]string
	for i, b := range blocks {
		all := names[:0]
		for _, l := range b.GetLocs() {
			all = append(all, l.GetId().GetIpAddr())
			if name := l.GetId().GetHostName(); name != l.GetId().GetIpAddr() {
				all = append(all, name)
			}
		}
		info.Blocks[i] = storage.Block{Offset: int64(b.GetOffset()), Length: int64(b.GetB().GetNumBytes()), Hosts: known.list(all)}
	}
	return info
}

// hosts keeps each list of hosts once: there are few, and many blocks.
type hosts map[string][]string

func (h hosts) list(names []string) []string {
	key := strings.Join(names, " ")
	if list, ok := h[key]; ok {
		return list
	}
	list := strings.Split(key, " ")
	if key == "" {
		list = nil
	}
	h[key] = list
	return list
}

// readable refuses files whose bytes the library would not decode.
func readable(st *lib.FileStatus) error {
	const file = 2
	switch {
	case st.GetFileType() != file:
		return errIsDir
	case st.GetEcPolicy() != nil:
		return errErasureCoded
	case st.GetFileEncryptionInfo() != nil:
		return errEncrypted
	}
	return nil
}
