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
	for i, b := range blocks {
		var at replicas
		for _, l := range b.GetLocs() {
			at.add(l.GetId().GetIpAddr(), l.GetLocation())
			if name := l.GetId().GetHostName(); name != l.GetId().GetIpAddr() {
				at.add(name, l.GetLocation())
			}
		}
		at = known.once(at)
		info.Blocks[i] = storage.Block{Offset: int64(b.GetOffset()), Length: int64(b.GetB().GetNumBytes()), Hosts: at.hosts, Racks: at.racks}
	}
	return info
}

// replicas are where a block is: addresses and names of data nodes, and the rack of each.
type replicas struct{ hosts, racks []string }

func (r *replicas) add(host, rack string) {
	r.hosts = append(r.hosts, host)
	r.racks = append(r.racks, rack)
}

// hosts keeps each list of replicas once: there are many blocks, and few that differ in this.
type hosts map[string]replicas

func (h hosts) once(r replicas) replicas {
	key := strings.Join(r.hosts, " ") // racks are those of the hosts
	if _, ok := h[key]; !ok {
		h[key] = r
	}
	return h[key]
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
