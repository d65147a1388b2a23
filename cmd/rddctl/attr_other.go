//go:build !linux

package main

import "syscall"

func memberAttributes() *syscall.SysProcAttr { return nil }
