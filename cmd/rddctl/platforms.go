package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// workerPlatforms asks on which platforms a cluster's workers run.
func (o *submitOptions) workerPlatforms(ctx context.Context, conn *grpc.ClientConn) (all []plan.Platform, err error) {
	l := look{access: o.access, master: o.master, conn: conn}
	workers, err := ask[[]status.Worker](ctx, &l, msg.Ask{About: msg.AboutWorkers})
	for _, w := range workers {
		if p := plan.Platform(w.OS + "/" + w.Arch); w.State != "lost" && p.Valid() && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all, err
}

// wanted says for which platforms a package is built: those of the workers, and that
// of this machine if the driver runs here, or if there are no workers yet. An int of
// another size gives other results, so that such workers are left out.
func wanted(workers []plan.Platform, here bool) []plan.Platform {
	var all []plan.Platform
	for _, p := range workers {
		if wide(p) == wide(plan.Here) {
			all = append(all, p)
		}
	}
	if (here || len(workers) == 0) && !slices.Contains(all, plan.Here) {
		all = append(all, plan.Here)
	}
	return all
}

// wide says whether an int has 64 bits.
func wide(p plan.Platform) bool {
	_, goarch := p.Of()
	return !slices.Contains([]string{"386", "arm", "mips", "mipsle"}, goarch)
}

// fitting gives those of a program's binaries that workers can run: all if there are
// no workers yet. Error's code is launch.CodeRefused when there is none.
func fitting(p *launch.Program, workers []plan.Platform) (map[plan.Platform]string, error) {
	fit := map[plan.Platform]string{}
	var built, there []string
	for _, b := range p.Binaries {
		built = append(built, string(b.Platform))
		if len(workers) == 0 || slices.Contains(workers, b.Platform) {
			fit[b.Platform] = b.Path
		}
	}
	if len(fit) > 0 {
		return fit, nil
	}
	for _, w := range workers {
		there = append(there, string(w))
	}
	return nil, &launch.Error{Code: launch.CodeRefused, Err: fmt.Errorf(
		"%s was built for %s, and the cluster's workers run on %s: give the package, or build it for one of these",
		p.Name, strings.Join(built, ", "), strings.Join(there, ", "))}
}
