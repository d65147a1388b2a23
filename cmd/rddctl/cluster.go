package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/trust"
)

func clusterCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Make and change the secrets of a cluster of several machines",
		Long: `Cluster makes what the members of a cluster of several machines know each other
by: a certificate authority of its own, a key for the gossip, tokens with which
workers join, and credentials of those who may submit. While the cluster works it
revokes certificates and changes the key of the gossip.`,
		Example: `  rddctl cluster init --dir words.cluster
  rddctl cluster token --dir words.cluster --ttl 10m
  rddctl cluster credentials --dir words.cluster --name alice --out alice`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(clusterInitCommand(), clusterTokenCommand(), clusterCredentialsCommand(), clusterRevokeCommand(), clusterRotateCommand())
	return c
}

// dirFlag adds the flag that names a cluster's directory of secrets.
func dirFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "dir", "", "the cluster's directory of secrets")
	_ = c.MarkFlagRequired("dir")
}

func clusterInitCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "init --dir DIR",
		Short: "Make the secrets of a new cluster",
		Long: `Init makes a directory with the secrets of a new cluster. Who can read it can do
everything in that cluster: it belongs on the master's machine and nowhere else,
but for its folder admin, which is for whoever submits jobs.`,
		Example: "  rddctl cluster init --dir words.cluster",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			made, err := trust.Init(dir)
			if err != nil {
				return err
			}
			return explainInit(c.OutOrStdout(), made.ID, dir)
		},
	}
	dirFlag(c, &dir)
	return c
}

// explainInit says what a new cluster's directory is for.
func explainInit(w io.Writer, id, dir string) error {
	_, err := fmt.Fprintf(w, `cluster %s is in %s

on the master's machine, which alone needs the whole directory:
  rddctl master --listen HOST:7077 --cluster %[2]s
for each worker, a token that is good once:
  rddctl cluster token --dir %[2]s
  rddctl worker --join HOST:7077 --listen OWN-ADDRESS:0 --token TOKEN
to submit from another machine, copy %[3]s there, readable by you alone:
  rddctl submit --master HOST:7077 --credentials %[4]s ./program
`, id, dir, filepath.Join(dir, trust.AdminDir), trust.AdminDir)
	return err
}

func clusterTokenCommand() *cobra.Command {
	var dir string
	var ttl time.Duration
	c := &cobra.Command{
		Use:   "token --dir DIR [flags]",
		Short: "Make a token with which one worker may join",
		Long: `Token prints a token with which one worker may join the cluster, once and for a
short time. It is a secret until then. The worker tells by it whether the master
that it reaches is the right one.`,
		Example: "  rddctl cluster token --dir words.cluster --ttl 10m",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := trust.Load(dir)
			if err != nil {
				return err
			}
			t, err := cl.NewToken(trust.Worker, ttl)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), t.Text())
			return err
		},
	}
	dirFlag(c, &dir)
	c.Flags().DurationVar(&ttl, "ttl", trust.TokenLife, "how long it is good")
	return c
}

func clusterCredentialsCommand() *cobra.Command {
	var dir, out, name, role string
	var life time.Duration
	c := &cobra.Command{
		Use:   "credentials --dir DIR --name NAME --out DIR [flags]",
		Short: "Make credentials for somebody who may submit jobs",
		Long: `Credentials makes a directory with a certificate and its key, for --credentials
of the other commands. The role client may submit jobs, admin may also change the
cluster itself.`,
		Example: "  rddctl cluster credentials --dir words.cluster --name alice --out alice",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if r := trust.Role(role); r != trust.Client && r != trust.Admin {
				return fmt.Errorf("--role %s: give %s or %s", role, trust.Client, trust.Admin)
			}
			if life <= 0 {
				return fmt.Errorf("--ttl %v: give a time above zero", life)
			}
			cl, err := trust.Load(dir)
			if err != nil {
				return err
			}
			id := trust.Identity{Cluster: cl.ID, Role: trust.Role(role), Name: name}
			if err := cl.Revoked.Check(id); err != nil {
				return denied(fmt.Errorf("%w: choose another --name", err))
			}
			made, err := cl.Authority.Credentials(trust.Request{Identity: id, Life: life})
			if err != nil {
				return err
			}
			return made.Save(out)
		},
	}
	dirFlag(c, &dir)
	f := c.Flags()
	f.StringVar(&name, "name", "", "whose they are")
	f.StringVar(&out, "out", "", "directory to make")
	f.StringVar(&role, "role", string(trust.Client), "what they allow: client or admin")
	f.DurationVar(&life, "ttl", trust.AdminLife, "how long they are good")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("out")
	return c
}

func clusterRevokeCommand() *cobra.Command {
	return tellCommand("revoke ROLE/NAME", "Refuse somebody's certificates from now on",
		`Revoke has a running cluster refuse the certificates of a worker, client or
administrator, however long they have to go. The master cuts the connections that
are there, and remembers it in the cluster's directory; workers are told. It is for
good: who is to come back gets another name. Of a client whose job runs the job is
cancelled, a worker's tasks run elsewhere. It takes the credentials of another
administrator.`,
		"  rddctl cluster revoke client/alice --master 10.0.0.1:7077 --credentials words.cluster/admin",
		func(who string) msg.Tell { return msg.Tell{Revoke: who} })
}

// rotateWait is how long a change of the gossip's key may take, with all that is
// asked twice.
const rotateWait = 70 * time.Second

func clusterRotateCommand() *cobra.Command {
	l := look{wait: rotateWait}
	return l.flags(&cobra.Command{
		Use:   "rotate-gossip-key [flags]",
		Short: "Change the key of the gossip",
		Long: `Rotate-gossip-key has all members of a running cluster change to a new key of the
gossip: first they get it, then they use it, then they forget the old one. Each
keeps it with its other secrets, so that it may start again. A worker that is away
meanwhile gets it from the master when it comes back. It takes the credentials of
an administrator. When a member does not answer, it is done again; until then old
and new key are good.`,
		Example: "  rddctl cluster rotate-gossip-key --master 10.0.0.1:7077 --credentials words.cluster/admin",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return l.with(c.Context(), func(ctx context.Context) error {
				_, err := l.call(ctx, msg.MethodTell, msg.Tell{RotateGossip: true})
				return err
			})
		},
	}, false)
}
