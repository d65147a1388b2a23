//go:build linux

package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// network is a network of namespaces: a hub with a bridge, and members with one
// link to it. The machine's own network sees none of it.
type network struct {
	prefix string // of the namespaces' names
	made   []string
}

const (
	namespaces = "/run/netns"
	netPrefix  = "chaos-"
	hub        = "hub"
	outside    = "uplink" // a member's end of its link
)

var networks int // that this process has made

// newNetwork makes a network with a hub alone.
func newNetwork() (*network, error) {
	networks++
	n := &network{prefix: netPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(networks) + "-"}
	err := n.add(hub)
	if err == nil {
		err = ip("-n", n.name(hub), "link", "add", "name", "bridge", "type", "bridge")
	}
	if err == nil {
		err = ip("-n", n.name(hub), "link", "set", "dev", "bridge", "up")
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *network) name(member string) string { return n.prefix + member }

func (n *network) add(member string) error {
	if err := ip("netns", "add", n.name(member)); err != nil {
		return err
	}
	n.made = append(n.made, member)
	return ip("-n", n.name(member), "link", "set", "dev", "lo", "up")
}

// join gives a new member an address.
func (n *network) join(member, address string) error {
	if err := n.add(member); err != nil {
		return err
	}
	at := n.name(member)
	for _, args := range [][]string{
		{"link", "add", "name", member, "netns", n.name(hub), "type", "veth", "peer", "name", outside, "netns", at},
		{"-n", n.name(hub), "link", "set", "dev", member, "master", "bridge", "up"},
		{"-n", at, "address", "add", address + "/24", "dev", outside},
		{"-n", at, "link", "set", "dev", outside, "up"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return nil
}

// link takes a member's link down, or up again.
func (n *network) link(member, state string) error {
	return ip("-n", n.name(hub), "link", "set", "dev", member, state)
}

// received counts the bytes that have come to a member.
func (n *network) received(member string) (int64, error) {
	out, err := exec.Command("ip", "-json", "-statistics", "-n", n.name(member), "link", "show", "dev", outside).Output()
	if err != nil {
		return 0, err
	}
	var links []struct {
		Stats64 struct{ Rx struct{ Bytes int64 } }
	}
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		return 0, fmt.Errorf("ip link show: %q: %w", out, err)
	}
	return links[0].Stats64.Rx.Bytes, nil
}

// hush drops, or lets pass again, what a member sends from and to a port: all of it, or
// what goes to one address. What others send to it arrives all the same, unless they
// are hushed too.
func (n *network) hush(member, port, to string, on bool) (err error) {
	how := "delete"
	if on {
		how = "add"
	}
	for _, end := range []string{"sport", "dport"} {
		rule := []string{"-n", n.name(member), "rule", how, "priority", "1", end, port}
		if to != "" {
			rule = append(rule, "to", to)
		}
		err = errors.Join(err, ip(append(rule, "blackhole")...))
	}
	return err
}

// close takes everything away.
func (n *network) close() (err error) {
	for _, member := range n.made {
		err = errors.Join(err, ip("netns", "delete", n.name(member)))
	}
	n.made = nil
	return err
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// sweep takes away the networks of processes that were killed.
func sweep() {
	names, _ := filepath.Glob(filepath.Join(namespaces, netPrefix+"*"))
	for _, name := range names {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(name), netPrefix), "-")
		if pid, err := strconv.Atoi(text); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = ip("netns", "delete", filepath.Base(name))
		}
	}
}

// noNetworks says why networks cannot be had; "" when they can.
var noNetworks = func() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "there is no ip command"
	}
	n, err := newNetwork()
	if err == nil {
		err = errors.Join(n.join("try", "10.77.0.1"), n.close())
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestNetwork(t *testing.T) {
	if why := noNetworks(); why != "" {
		t.Skip(why)
	}
	n, err := newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(namespaces, n.prefix+"*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	if err := errors.Join(n.join("a", "10.77.0.1"), n.join("b", "10.77.0.2"), n.link("a", "down"), n.link("a", "up"),
		n.hush("a", "99", "", true), n.hush("a", "99", "", false), n.hush("a", "99", "10.77.0.2", true)); err != nil {
		t.Fatal(err)
	}
	if err := n.join("c", "no address"); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("got %v", err)
	}
}
