// Package hdfs is the store of hdfs:// paths. Importing it joins it to [storage]:
//
//	import _ "github.com/gordd-project/gordd/hdfs"
//
// A path is hdfs://HOST[:PORT]/path, hdfs://HOST1[:PORT],HOST2[:PORT]/path for a pair of name
// nodes of which one is active, hdfs://NAMESERVICE/path, or hdfs:///path. The last two are looked
// up in the site's configuration, core-site.xml and hdfs-site.xml in $HADOOP_CONF_DIR. The port is
// 8020 where none is given. docs/hdfs.md says which settings are heeded and how users are known.
//
// The protocols are spoken by github.com/colinmarc/hdfs/v2, which is kept behind the type client.
// That library returns corrupt bytes without an error, waits for ever for a node that hangs, and
// answers wrongly after a time-out. So no connection of it is bare: each operation has a deadline,
// each error closes the connection for good, and what a data node sends is passed on only after its
// checksums were verified. A client makes one call at a time and is lent to one user at a time.
//
// Constraints: files that are erasure coded or in an encryption zone are refused, there are no
// short-circuit reads, and a data node that dies under a writer fails it, unless the file is small
// enough to be written again from memory.
package hdfs
