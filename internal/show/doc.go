// Package show turns what programs tell into what people read: progress while
// they run, and the stages of a plan as a tree.
package show
