//go:build !linux

package cgroup

import (
	"errors"
	"os/exec"
)

// Tree is a worker's groups. There are none here.
type Tree struct{}

// Group is one of them.
type Group struct{}

// Open says that there are no control groups here.
func Open(int, int64) (*Tree, error) { return nil, errors.New("this system has no control groups") }

// String says that nothing is bounded.
func (t *Tree) String() string { return "none" }

// New gives nil, which bounds nothing.
func (t *Tree) New(string, int64) (*Group, error) { return nil, nil }

// Close does nothing.
func (t *Tree) Close() error { return nil }

// Start starts a command.
func (g *Group) Start(cmd *exec.Cmd) error { return cmd.Start() }

// Usage knows nothing.
func (g *Group) Usage() Usage { return Usage{} }

// Remove does nothing.
func (g *Group) Remove() error { return nil }
