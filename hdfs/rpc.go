package hdfs

import (
	"fmt"
	"reflect"

	lib "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// executor makes calls to the name node. The library has one in each client and keeps it to itself.
type executor interface {
	Execute(method string, req, resp proto.Message) error
}

// executorOf takes the connection out of a client. The library offers no call that lists with
// locations or renames without overwriting, and its connection knows Kerberos and pairs of name
// nodes: it is worth a look behind the curtain. go.mod pins the version, and a test makes sure.
func executorOf(c *lib.Client) (executor, error) {
	f := reflect.ValueOf(c).Elem().FieldByName("namenode")
	if !f.IsValid() {
		return nil, fmt.Errorf("this version of github.com/colinmarc/hdfs is not known: its Client has no field namenode")
	}
	x, ok := reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem().Interface().(executor)
	if !ok {
		return nil, fmt.Errorf("this version of github.com/colinmarc/hdfs is not known: its connection has no method Execute")
	}
	return x, nil
}

// fields are the values of a message's fields by name.
type fields map[string]any

// message makes a message of the protocol. The library registers their types and exports none. A
// name that is not known is a mistake in this package and panics.
func message(name string, values fields) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("hadoop.hdfs." + name))
	if err != nil {
		panic("hdfs: " + err.Error())
	}
	m := t.New()
	for field, v := range values {
		d := m.Descriptor().Fields().ByName(protoreflect.Name(field))
		switch v := v.(type) {
		case []proto.Message:
			list := m.Mutable(d).List()
			for _, sub := range v {
				list.Append(protoreflect.ValueOfMessage(sub.ProtoReflect()))
			}
		case proto.Message:
			m.Set(d, protoreflect.ValueOfMessage(v.ProtoReflect()))
		default:
			m.Set(d, protoreflect.ValueOf(v))
		}
	}
	return m.Interface()
}

// get returns a field of a message.
func get(m protoreflect.Message, field protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(field))
}

// ask makes a call: method getX with XRequestProto gives XResponseProto.
func (c *client) ask(method string, values fields) (protoreflect.Message, error) {
	name := string(method[0]-'a'+'A') + method[1:]
	resp := message(name+"ResponseProto", nil)
	if err := c.namenode.Execute(method, message(name+"RequestProto", values), resp); err != nil {
		return nil, err
	}
	return resp.ProtoReflect(), nil
}

// stat describes a file or directory, without locations.
func (c *client) stat(path string) (*lib.FileStatus, error) {
	resp, err := c.ask("getFileInfo", fields{"src": path})
	if err != nil {
		return nil, err
	}
	st, ok := get(resp, "fs").Message().Interface().(*lib.FileStatus)
	if !ok || !resp.Has(resp.Descriptor().Fields().ByName("fs")) {
		return nil, errNotFound
	}
	return st, nil
}

// list describes what is in a directory with the locations of all blocks, or a file: then the one
// status that comes back has no name. The name node answers in pieces of a thousand locations.
func (c *client) list(path string) (all []*lib.FileStatus, err error) {
	for after := []byte{}; ; {
		resp, err := c.ask("getListing", fields{"src": path, "startAfter": after, "needLocation": true})
		if err != nil {
			return nil, err
		}
		if !resp.Has(resp.Descriptor().Fields().ByName("dirList")) {
			return nil, errNotFound
		}
		dir := get(resp, "dirList").Message()
		list := get(dir, "partialListing").List()
		for i := range list.Len() {
			if st, ok := list.Get(i).Message().Interface().(*lib.FileStatus); ok {
				all = append(all, st)
			}
		}
		if get(dir, "remainingEntries").Uint() == 0 || list.Len() == 0 {
			return all, nil
		}
		after = all[len(all)-1].GetPath()
	}
}

func (c *client) mkdirs(path string) error {
	mode := message("FsPermissionProto", fields{"perm": uint32(dirMode)})
	_, err := c.ask("mkdirs", fields{"src": path, "masked": mode, "createParent": true})
	return err
}

// rename moves in one step and overwrites nothing.
func (c *client) rename(from, to string) error {
	_, err := c.ask("rename2", fields{"src": from, "dst": to, "overwriteDest": false})
	return err
}

// remove says whether there was something to remove.
func (c *client) remove(path string, all bool) (bool, error) {
	resp, err := c.ask("delete", fields{"src": path, "recursive": all})
	if err != nil {
		return false, err
	}
	return get(resp, "result").Bool(), nil
}
