// Rddctl runs gordd programs, by themselves and on clusters, and says what they
// do.
//
//	rddctl run [--memory 256MiB] [--cores N] [--file PATH] [--generate] PKG|BINARY [-- args]
//	rddctl explain PKG|BINARY [-- args]
//	rddctl dev [--workers N] [--slots N]
//	rddctl submit [--master HOST:PORT] [--credentials DIR] [--file PATH] PKG|BINARY [-- args]
//	rddctl master [--listen HOST:PORT] [--dir DIR] [--cluster DIR]
//	rddctl worker [--join HOST:PORT] [--token TOKEN] [--slots N] [--memory 1GiB]
//	rddctl jobs
//	rddctl job ID [--follow]
//	rddctl stages ID
//	rddctl tasks ID [STAGE]
//	rddctl logs ID [--follow]
//	rddctl cancel ID [--tag TAG | --action N] [--reason TEXT]
//	rddctl workers [drain ID | undrain ID]
//	rddctl events
//	rddctl cluster init|token|credentials --dir DIR
//	rddctl journal repair DIR
//	rddctl doctor
//	rddctl fs ls|cat|head|put|stat|locations PATH
//	rddctl version
//
// Run builds a program and runs it on the embedded engine, with progress and a
// summary. Explain draws the stages of its actions without running them. Dev
// starts a whole cluster on this machine, of which master and worker are the
// members, and submit runs a program there. The rest look at a cluster and steer
// it. Each command's --help says more.
package main
