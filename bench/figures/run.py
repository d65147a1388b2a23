#!/usr/bin/env python3
"""Measures gordd by itself: how its cost grows, what its memory does, and what a cluster adds.

    bench/figures/run.py [--work DIR] [--scale X] [FIGURE ...]

FIGURE is one or more of these; all of them when none is given:

    growth   seconds a GB of a scan, word count and a sort, at 0.1, 1 and 4 GB, on 1 and 2 cores
    tasks    microseconds a task, for 2 to 4,000 tasks that do nothing
    shuffle  32 x 32 blocks, and 1,000 x 1,000 blocks of the same rows
    cost     seconds of goplain on one core, and of gordd on 1 and 2
    memory   word count and a sort with an eighth of the data's size as memory, and with enough
    dev      word count and a sort on rddctl dev, beside one process
    rounds   1,000 rounds of k-means over 1,000 points, in one process and on rddctl dev
    kept     rounds of k-means where 100, 75, 50 and 0 % of the points have room in memory
    killed   ten rounds of k-means on four workers, of which one is killed in the sixth

Each prints a table. --scale 0.01 tries everything with little data. DIR keeps the data for the next time; without it all
goes to a temporary directory that is removed. Only the standard library is needed, and Go."""
import argparse, json, os, re, shutil, signal, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
PEERS = os.path.join(HERE, "..", "peers")
FULL = json.load(open(os.path.join(PEERS, "peers.json")))["sizes"]["full"]["params"]


def build(work):
    os.environ.setdefault("GOTOOLCHAIN", "auto")
    for name, directory, package in [("gordd", ROOT, "./bench"), ("rddctl", ROOT, "./cmd/rddctl"),
                                     ("goplain", f"{PEERS}/goplain", "."), ("benchtool", f"{PEERS}/benchtool", ".")]:
        subprocess.run(["go", "build", "-C", directory, "-o", f"{work}/bin/{name}", package], check=True)


class Bench:
    def __init__(self, work, scale):
        self.work, self.scale = work, scale

    def data(self, kind, n):
        """Gives the directory with n bytes of text, or n records or points."""
        n = int(n * self.scale)
        path = f"{self.work}/{kind}-{n}"
        if not os.path.exists(f"{path}/.ok"):
            flags = {"text": ["-bytes", n], "tera": ["-n", n], "points": ["-n", n, "-dims", 16]}[kind]
            subprocess.run([f"{self.work}/bin/benchtool", "gen", kind, "-out", path, *map(str, flags)], check=True)
            open(f"{path}/.ok", "w").close()
        return path

    def args(self, workload, data="", params="", cores=2, memory=0):
        out = f"{self.work}/out"
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        args = ["-workload", workload, "-out", out, "-cores", str(cores)]
        if data:
            args += ["-in", data]
        if params:
            args += ["-params", params]
        return args + (["-memory", str(int(memory))] if memory else [])

    def run(self, workload, *, program="gordd", **more):
        return answer(subprocess.run([f"{self.work}/bin/{program}", *self.args(workload, **more)], stdout=subprocess.PIPE, text=True, check=True).stdout)

    def params(self, workload):
        """Gives those of the full size, with fewer rows where the scale is smaller."""
        return re.sub(r"\b(n|m|keys|nodes)=(\d+)", lambda m: f"{m[1]}={max(1, int(int(m[2]) * self.scale))}", FULL.get(workload, ""))


def answer(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def median(reps, run):
    """Gives the medians of what runs took, which go in turns."""
    times = [run() for _ in range(reps)]
    return [statistics.median(column) for column in zip(*times)]


def table(title, head, rows):
    print(f"\n### {title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(f"{x:.3g}" if isinstance(x, float) else str(x) for x in row) + " |")
    sys.stdout.flush()


def growth(b):
    rows = []
    for workload, kind, unit in [("scan", "text", 1), ("wordcount", "text", 1), ("terasort", "tera", 100)]:
        for cores in (1, 2):
            row = [workload, cores]
            for gb in (0.1, 1, 4):
                data = b.data(kind, gb * 1e9 / unit)
                reps = 3 if gb < 1 else 1
                row += median(reps, lambda: [b.run(workload, data=data, cores=cores)["run_s"] / gb / b.scale])
            rows.append(row + [max(row[2:]) / min(row[2:])])
    table("growth: seconds a GB", ["workload", "cores", "0.1 GB", "1 GB", "4 GB", "greatest ÷ least"], rows)


def tasks(b):
    rows = []
    for n in (2, 10, 100, 1000, 4000):
        run = b.run("tasks", params=f"n={n},times=21")["run_s"]
        rows.append([n, run * 1e3, run / n * 1e6])
    table("tasks", ["tasks", "ms", "µs each"], rows)


def shuffle(b):
    n = int(50_000_000 * b.scale)
    def once():
        few, many = (b.run("shuffle", params=f"n={n},parts={parts}") for parts in (32, 1000))
        if few["check"] != many["check"]:
            sys.exit(f"the answers differ: {few['check']} and {many['check']}")
        return few["run_s"], few["rss_mb"], many["run_s"], many["rss_mb"]
    few, few_mb, many, many_mb = median(3, once)
    table(f"shuffle of {n} pairs of numbers", ["blocks", "seconds", "MB of the process", "÷ 32 × 32"],
          [["32 × 32", few, few_mb, 1.0], ["1,000 × 1,000", many, many_mb, many / few]])


COST = [("wordcount", "text", 1e9), ("kmeans_bin", "points", 5e6), ("terasort", "tera", 1e7),
        ("reduce_ints", "", 0), ("group_ints", "", 0), ("join_ints", "", 0), ("distinct_ints", "", 0)]


def cost(b):
    rows = []
    for workload, kind, n in COST:
        with_ = dict(data=b.data(kind, n) if kind else "", params=b.params("kmeans" if kind == "points" else workload))
        one, ours, both = median(1, lambda: [b.run(workload, program="goplain", cores=1, **with_)["run_s"],
                                             b.run(workload, cores=1, **with_)["run_s"], b.run(workload, cores=2, **with_)["run_s"]])
        rows.append([workload, one, ours, both, ours / one, both / one])
    table("cost: seconds", ["workload", "goplain, 1 core", "gordd, 1", "gordd, 2", "1 ÷ goplain's", "2 ÷ goplain's"], rows)


def memory(b):
    rows = []
    for workload, kind, n in [("wordcount", "text", 1e9), ("terasort", "tera", 1e7)]:
        data = b.data(kind, n)
        little = max(1e9 * b.scale / 8, 1 << 24)  # which is the least
        a, c, mb = median(3, lambda: [b.run(workload, data=data)["run_s"]] + [b.run(workload, data=data, memory=little)[k] for k in ("run_s", "rss_mb")])
        rows.append([workload, a, c, c / a, mb])
    table("memory: seconds with enough, and with an eighth of the data", ["workload", "enough", "an eighth", "ratio", "MB of the process"], rows)


class Cluster:
    """A master and workers of a slot each, which end with it."""

    def __init__(self, b, workers):
        self.b, self.dir = b, tempfile.mkdtemp(prefix="cluster", dir=b.work)
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.dir)
        self.processes = []
        self.master = self.start("master", "--listen", "127.0.0.1:0").split("master=")[1].split()[0]
        for i in range(workers):
            self.start("worker", "--join", self.master, "--name", f"w{i}", "--slots", "1")

    def start(self, *args):
        p = subprocess.Popen([f"{self.b.work}/bin/rddctl", *args], stdout=subprocess.PIPE, text=True, env=self.env)
        self.processes.append(p)
        line = p.stdout.readline()
        if "READY" not in line:
            sys.exit(f"rddctl {args[0]} did not start: {line}")
        return line

    def submit(self, workload, *, heard=None, **more):
        """Runs a workload. heard gets each line of its standard error."""
        p = subprocess.Popen([f"{self.b.work}/bin/rddctl", "submit", "-q", "--master", self.master, f"{self.b.work}/bin/gordd", "--",
                              *self.b.args(workload, **more), *(["-tell"] if heard else [])],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE if heard else None, text=True, env=self.env)
        for line in p.stderr if heard else ():
            heard(line)
        text = p.stdout.read()
        if p.wait() != 0:
            sys.exit(f"the job of {workload} failed")
        return answer(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            p.terminate()
        for p in self.processes:
            p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def dev(b):
    rows = []
    with Cluster(b, 2) as c:
        for workload, kind, n in [("wordcount", "text", 1e9), ("terasort", "tera", 1e7)]:
            data = b.data(kind, n)
            a, d = median(3, lambda: [b.run(workload, data=data)["run_s"], c.submit(workload, data=data)["run_s"]])
            rows.append([workload, a, d, d / a])
    table("dev: seconds on two workers of one slot", ["workload", "one process", "cluster", "ratio"], rows)


def rounds(b):
    rows = []
    with Cluster(b, 2) as c:
        for name, run in [("one process", b.run), ("two workers", c.submit)]:
            few = run("kmeans_small", params="k=20,iters=50")
            r = run("kmeans_small", params="k=20,iters=1000")
            early, late = (statistics.median(r["rounds"][i:i + 20]) for i in (10, 980))
            rows.append([name, statistics.median(r["rounds"]) * 1e3, late / early, few["rss_mb"], r["rss_mb"]])
    table("rounds: k-means over 1,000 points", ["where", "ms a round", "rounds 980–1000 ÷ 10–30", "MB after 50", "MB after 1,000"], rows)


def kept(b):
    data, params = b.data("points", 2e6), "k=20,dims=16,iters=10"
    full = 2e6 * b.scale * 128
    rows, first = [], None
    for share in (1, 0.75, 0.5, 0):
        # Three quarters of the memory may be kept rows.
        run = b.run("kmeans_csv", data=data, params=params, memory=max(1.1 * full * share / 0.75, 1 << 24)) if share else b.run("kmeans_again", data=data, params=params)
        each = statistics.median(run["rounds"][1:])
        first = first or each
        rows.append([f"{share:.0%}", each, each / first])
    table("kept: points that have room in memory", ["share", "seconds a round", "÷ all"], rows)


def killed(b):
    data, params = b.data("points", 2e6), "k=20,dims=16,iters=10"
    with Cluster(b, 4) as c:
        def heard(line):
            if line.startswith("round 6"):
                time.sleep(0.05)  # in the middle of the round
                c.processes[1].send_signal(signal.SIGKILL)
        r = c.submit("kmeans_csv", data=data, params=params, heard=heard)["rounds"]
    with Cluster(b, 4) as c:
        calm = c.submit("kmeans_csv", data=data, params=params)["rounds"]
    usual = statistics.median(calm[1:])
    table("killed: seconds of rounds; a worker of four was killed in the sixth", ["", *range(1, 11)], [["one killed", *r], ["none", *calm]])
    print(f"\nThe sixth is {r[5] / usual:.2f} × the usual round, those after it {statistics.median(r[6:]) / usual:.2f} ×.")


ALL = [growth, tasks, shuffle, cost, memory, dev, rounds, kept, killed]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", default="")
    ap.add_argument("--scale", type=float, default=1)
    ap.add_argument("figures", nargs="*", metavar="FIGURE", choices=[[], *(f.__name__ for f in ALL)])
    a = ap.parse_args()
    work = os.path.abspath(a.work) if a.work else tempfile.mkdtemp(prefix="figures")
    os.makedirs(work, exist_ok=True)
    try:
        build(work)
        for f in ALL:
            if not a.figures or f.__name__ in a.figures:
                f(Bench(work, a.scale))
    finally:
        shutil.rmtree(f"{work}/out", ignore_errors=True)
        if not a.work:
            shutil.rmtree(work)


main()
