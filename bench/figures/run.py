#!/usr/bin/env python3
"""Measures gordd against itself and prints a table for each figure: README.md says what each is.

    run.py [growth|tasks|shuffle|cost|memory|dev|rounds|room|kill ...] [--small] [--work DIR]

Without a name it measures all. Data is kept in --work; without it there is a directory that is removed in the end."""
import argparse, json, os, shutil, signal, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DEADLINE = 600  # seconds that one run may take
os.environ.setdefault("GOTOOLCHAIN", "auto")


def build():
    for name, at, pkg in (("gordd", ROOT, "./bench"), ("rddctl", ROOT, "./cmd/rddctl"),
                          ("goplain", f"{ROOT}/bench/peers/goplain", "."), ("benchtool", f"{ROOT}/bench/peers/benchtool", ".")):
        subprocess.run(["go", "build", "-C", at, "-o", f"{WORK}/{name}", pkg], check=True)


def made(kind, number):
    """Data of a kind: bytes of text, records of tera, points."""
    d = f"{WORK}/data/{kind}-{number}"
    if not os.path.exists(d + "/.ok"):
        shutil.rmtree(d, ignore_errors=True)
        size = ["-bytes", str(number)] if kind == "text" else ["-n", str(number)]
        subprocess.run([f"{WORK}/benchtool", "gen", kind, "-out", d, "-parts", "8"] + size, check=True)
        open(d + "/.ok", "w").close()
    return d


def run(workload, data="", cores=2, memory=0, params="", program="gordd", submit=""):
    """One run: what it says as JSON, with the lines before it."""
    out = f"{RUN}/out"
    shutil.rmtree(out, ignore_errors=True)
    if program == "goplain":
        os.makedirs(out)
    args = ["-workload", workload, "-in", data, "-out", out, "-cores", str(cores), "-params", params]
    args += ["-memory", str(memory)] if memory else []
    cmd = [f"{WORK}/{program}"] + args
    if submit:
        cmd = [f"{WORK}/rddctl", "submit", "-q", "--master", submit, f"{WORK}/gordd", "--"] + args
    with open(f"{RUN}/log", "w+") as log:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=log, text=True, timeout=DEADLINE, cwd=RUN, env=ENV)
        if p.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(cmd)} ended with {p.returncode}: {log.read()[-2000:]}")
    shutil.rmtree(out, ignore_errors=True)
    lines = p.stdout.splitlines()
    return json.loads(lines[-1]) | {"lines": lines[:-1]}


def took(*a, **k):
    """Seconds of the median of --reps runs."""
    return statistics.median(run(*a, **k)["run_s"] for _ in range(A.reps))


class Dev:
    """rddctl dev, for a with statement."""

    def __init__(self, workers):
        self.workers = workers

    def __enter__(self):
        self.p = subprocess.Popen([f"{WORK}/rddctl", "dev", "--workers", str(self.workers), "--slots", "1", "--listen", "127.0.0.1:0", "--http", "off"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=RUN, env=ENV)
        for line in self.p.stdout:
            if line.startswith("READY"):
                self.master = line.split("master=")[1].split()[0]
                return self
        sys.exit("rddctl dev ended before it was ready")

    def __exit__(self, *_):
        self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(30)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()

    def a_worker(self):
        """The pid of a worker's process."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parent = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
                args = open(f"/proc/{pid}/cmdline").read().split("\0")
            except OSError:
                continue
            if parent == self.p.pid and "worker" in args:
                return int(pid)
        sys.exit("rddctl dev has no worker")


def table(title, head, rows):
    print(f"\n### {title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for r in rows:
        print("| " + " | ".join(f"{c:.3g}" if isinstance(c, float) else str(c) for c in r) + " |", flush=True)


def growth():
    rows = []
    for w in ("wordcount", "terasort", "scan"):
        for cores in (1, 2):
            per = []
            for size in SIZES:
                d = made("tera", size // 100) if w == "terasort" else made("text", size)
                per.append(took(w, d, cores) / size * 1e9)
            rows.append([w, cores] + per + [max(per) / min(per)])
    table("Growth: seconds per GB", ["workload", "cores"] + [f"{s / 1e9:g} GB" for s in SIZES] + ["most ÷ least (1.15, word count 1.3)"], rows)


def tasks():
    rows = []
    for n in (2, 16, 128, 1000, 4000):
        s = run("tasks", params=f"tasks={n},runs=20")["run_s"]
        rows.append((n, s * 1e3, s / n * 1e6))
    table("Empty tasks", ["tasks", "ms", "µs per task (100)"], rows)


def shuffle():
    n = 1_000_000 if A.small else 20_000_000
    a, b = (run("square", params=f"n={n},parts={p}") for p in (32, 300 if A.small else 1000))
    if a["check"] != b["check"]:
        sys.exit("the shuffles' answers differ")
    table(f"Shuffle of {n} rows", ["", "32 × 32", "many × many", "÷ (2)", "MiB more (256)"],
          [("seconds", a["run_s"], b["run_s"], b["run_s"] / a["run_s"], b["rss_mb"] - a["rss_mb"])])


def half():
    return SIZES[1] // 2, made("text", SIZES[1]), made("tera", SIZES[1] // 100)


def cost():
    size, text, tera = half()
    points = made("points", size // 250)
    rows = []
    for w, d, params in (("wordcount", text, ""), ("terasort", tera, ""), ("kmeans_bin", points, "k=20,dims=16,iters=5"),
                         ("reduce_ints", "", f"n={size // 10},keys=1000000"), ("group_ints", "", f"n={size // 50},keys=1000000"),
                         ("join_ints", "", f"n={size // 100},m=1000000"), ("distinct_ints", "", f"n={size // 20},keys=1000000")):
        plain = took(w, d, 1, params=params, program="goplain")
        ours = [took(w, d, c, params=params) for c in (1, 2)]
        rows.append([w, plain] + ours + [next((c for c, s in zip((1, 2), ours) if s < plain), "more than 2")])
    table("COST: cores to be faster than one thread of goplain", ["workload", "goplain, 1", "gordd, 1", "gordd, 2", "cores"], rows)


def memory():
    _, text, tera = half()
    rows = []
    for w, d in (("wordcount", text), ("terasort", tera)):
        budget = max(SIZES[1] // 8, 16 << 20)
        enough, little = took(w, d), took(w, d, memory=budget)
        rows.append((w, enough, little, little / enough))
    table("An eighth of the data's size as memory", ["workload", "enough, s", "an eighth, s", "÷ (1.5)"], rows)


def dev():
    _, text, tera = half()
    rows = []
    for w, d in (("wordcount", text), ("terasort", tera)):
        embedded = took(w, d)
        with Dev(2) as c:
            run(w, d, submit=c.master)  # the program is uploaded once
            cluster = took(w, d, submit=c.master)
        rows.append((w, embedded, cluster, cluster / embedded))
    table("rddctl dev with two workers of a slot each", ["workload", "embedded, s", "dev, s", "÷ (1.25)"], rows)


def figures(r):
    """Seconds of rounds, and bytes of heap by round."""
    words = [l.split() for l in r["lines"]]
    return [float(w[2]) for w in words if w[0] == "round"], {int(w[1]): int(w[2]) for w in words if w[0] == "heap"}


def rounds():
    params, rows = f"n=1000,iters={100 if A.small else 1000}", []
    with Dev(2) as c:
        for name, at, most in (("embedded", "", 5), ("dev", c.master, 25)):
            s, heap = figures(run("kmeans_rounds", params=params, submit=at))
            early, late = statistics.median(s[5:25]), statistics.median(s[-20:])
            rows.append((name, f"{statistics.median(s) * 1e3:.3g} ({most})", early * 1e3, late * 1e3, late / early, heap[10] / 2**20, heap[len(s)] / 2**20))
    table("Rounds of k-means on 1,000 cached rows", ["", "ms a round", "about the tenth", "the last", "÷ (1.1)", "heap after 10, MiB", "at the end"], rows)


def room():
    n = 200_000 if A.small else 2_000_000
    d, rows, first = made("points", n), [], 0
    for part in (1, 0.75, 0.5, 0):
        # Three quarters of a budget may be cached, and the smallest budget is 16 MiB.
        s = took("kmeans_csv", d, params="k=20,dims=16,iters=10", memory=max(int(n * 128 * part / 0.75 * 1.05), 16 << 20))
        first = first or s
        rows.append((f"{part:.0%}", s, s / first))
    table("Room for a part of the cached rows; the RDD paper has 1, 2.6, 3.5, 6.0", ["room", "s", "÷"], rows)


def kill():
    n = 200_000 if A.small else 4_000_000
    with Dev(4) as c:
        p = subprocess.Popen([f"{WORK}/rddctl", "submit", "-q", "--summary", f"{RUN}/summary", "--master", c.master, f"{WORK}/gordd", "--", "-workload", "kmeans_rounds",
                              "-params", f"n={n},iters=12"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=RUN, env=ENV)
        lines = []
        for line in p.stdout:
            lines.append(line)
            if line.startswith("round 5 "):
                os.kill(c.a_worker(), signal.SIGKILL)
        if p.wait():
            sys.exit(f"the job ended with {p.returncode} after a worker was killed")
    s, _ = figures({"lines": lines[:-1]})
    usual, later = statistics.median(s[1:5]), statistics.median(s[6:])
    # A task that does not run where its block is computes the partition again.
    again = 12 * 8 - json.load(open(f"{RUN}/summary"))["tasks_at_process"]
    table("k-means on four workers, one killed as round 6 begins", ["usual round, s", "round 6", "÷ (1.5)", "later", "÷ (1.0)", "of 8 partitions, computed again"],
          [(usual, s[5], s[5] / usual, later, later / usual, again)])


FIGURES = {f.__name__: f for f in (growth, tasks, shuffle, cost, memory, dev, rounds, room, kill)}
ap = argparse.ArgumentParser()
ap.add_argument("figures", nargs="*", metavar="|".join(FIGURES))
ap.add_argument("--small", action="store_true", help="small data: whether it works, not how fast")
ap.add_argument("--reps", type=int, default=1, help="runs of which the median counts")
ap.add_argument("--work", default="", help="directory for data and programs")
A = ap.parse_args()
if unknown := set(A.figures) - set(FIGURES):
    ap.error(f"no such figure: {', '.join(unknown)}")
WORK = os.path.abspath(A.work) if A.work else tempfile.mkdtemp(prefix="figures")
SIZES = (2_000_000, 10_000_000, 40_000_000) if A.small else (100_000_000, 1_000_000_000, 4_000_000_000)
os.makedirs(WORK, exist_ok=True)
RUN = tempfile.mkdtemp(prefix="run", dir=WORK)  # what is gone afterwards
ENV = dict(os.environ, TMPDIR=RUN)
try:
    build()
    for f in A.figures or FIGURES:
        start = time.time()
        FIGURES[f]()
        print(f"\n{f} took {time.time() - start:.0f} s", flush=True)
finally:
    shutil.rmtree(RUN if A.work else WORK, ignore_errors=True)
