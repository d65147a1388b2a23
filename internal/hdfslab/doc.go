//go:build unix

// Package hdfslab runs a real HDFS for tests: a name node and data nodes of Apache Hadoop, each a
// process of its own on an address of its own of the loopback network, so that blocks have hosts
// and a node can be killed or stopped alone. A lab starts in some four seconds and takes 120 MiB
// of memory a process.
//
// It needs a JDK, Maven and all of 127.0.0.0/8 on the loopback interface, as Linux has it. The
// first start downloads the Hadoop classes (about 100 MB) and compiles two of its own; they are
// kept in the user's cache directory. The settings are for tests: short heartbeats, no syncing.
//
//	var lab hdfslab.Once
//
//	func TestMain(m *testing.M) { lab.Main(m) }
//
//	func TestRead(t *testing.T) {
//		l := lab.Get(t) // starts it; skips the test where it cannot run
//		...
//	}
package hdfslab
