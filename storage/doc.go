// Package storage reads inputs and commits outputs of jobs.
//
// Everything goes through one interface, [FileSystem]. Local files are built in; other stores
// join by a blank import that calls [Register], and a path chooses its store by its scheme:
// no scheme and file:// mean local. On top of the interface the package does three things that
// are the same for every store:
//
//   - [Expand] and [Splits] turn what a user wrote (files, directories, globs, several of them
//     with commas between) into files and then into balanced pieces of work.
//   - [OpenText] reads such a piece as lines, [ReadWhole] a file at once. Compressed files are
//     recognised by their extension.
//   - [Committer] makes an output directory appear once and whole, however often a task is
//     attempted and wherever the program stops.
//
// Constraints: input must not change between planning and reading (a change is found by size
// and time and is an error of kind [Changed]); a file that is compressed as a whole cannot be
// cut; strings of a [Chunk] share one large string, so copy (strings.Clone) what is kept long.
// Errors are *[PathError] with a [Kind], so that a caller need not know the store's own errors.
//
//	files, err := storage.Expand(ctx, "logs/**/*.log.gz,extra.txt", storage.ExpandOptions{})
//	for _, s := range storage.Splits(files, storage.SplitOptions{MinSplits: 8}) {
//		r := storage.OpenText(s, storage.TextOptions{})
//		for {
//			c, err := r.Next(ctx) // io.EOF after the last
//			...
//			for i, line := range c.Lines { use(c.Path, c.Offset(i), line) }
//		}
//	}
package storage
