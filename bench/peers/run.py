#!/usr/bin/env python3
"""Runs gordd and the peers of peers.json over the workloads, in turns, checks that their answers agree, and writes
results.json, a table of times and one of ratios beside it.

    run.py --size quick|full [--peers a,b] [--workloads a,b] [--reps 3] [--work DIR] [--out FILE] [--config extra.json]

Only the standard library is needed here; what the peers need is built or installed under --work
(default: $BENCH_WORK, else a directory from mkdtemp). --config adds peers (see README.md)."""
import argparse, glob, json, os, platform, shutil, signal, statistics, subprocess, sys, tempfile, threading, time

BENCH = os.path.dirname(os.path.abspath(__file__))
PKGS = {"venv": ["pyspark==4.3.0", "duckdb==2.0.0", "polars==2.1.0", "pyarrow", "datafusion==55.0.0", "numpy", "tpchgen-cli==4.0.0"]}
OPENS = ["java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
         "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"]

ap = argparse.ArgumentParser()
ap.add_argument("--size", default="quick")
ap.add_argument("--peers", default="")
ap.add_argument("--workloads", default="")
ap.add_argument("--reps", type=int, default=1)
ap.add_argument("--reps-of", default="", help="peer=n,peer=n: fewer or more for some")
ap.add_argument("--cores", type=int, default=2)
ap.add_argument("--timeout", type=int, default=180)
ap.add_argument("--heap", default="12g")
ap.add_argument("--work", default=os.environ.get("BENCH_WORK", ""))
ap.add_argument("--config", action="append", default=[])
ap.add_argument("--out", default="")
ap.add_argument("--append", action="store_true", help="keep the rows already in results.json for other (peer, workload, size)")
A = ap.parse_args()
WORK = os.path.abspath(A.work) if A.work else tempfile.mkdtemp(prefix="bench")
OUT = A.out or os.path.join(WORK, "results.json")
TABLE = os.path.splitext(OUT)[0] + ".table.md"
C = json.load(open(os.path.join(BENCH, "peers.json")))
for c in A.config:
    x = json.load(open(c))
    C["peers"].update(x.get("peers", {}))
    C["workloads"].update(x.get("workloads", {}))
os.makedirs(WORK, exist_ok=True)
PY = os.path.join(WORK, "venv/bin/python")


os.environ.setdefault("GOTOOLCHAIN", "auto")


def sh(cmd, **k):
    print("+", cmd, file=sys.stderr)
    subprocess.run(cmd, shell=True, check=True, stdout=sys.stderr, **k)


def venv(v="venv"):
    py, mark = os.path.join(WORK, v, "bin/python"), os.path.join(WORK, v, ".bench-installed")
    if not os.path.exists(py):
        sh(f"{sys.executable} -m venv {WORK}/{v}")
    if not os.path.exists(mark):
        sh(f"{py} -m pip install -q {' '.join(repr(p) for p in PKGS[v])}")
        open(mark, "w").close()


def jars():
    return glob.glob(os.path.join(WORK, "venv/lib/python*/site-packages/pyspark/jars"))[0]


def spark():
    venv()
    src, cls = os.path.join(BENCH, "sparkj/SparkPeer.java"), os.path.join(WORK, "sparkcls")
    if not os.path.exists(cls + "/SparkPeer.class") or os.path.getmtime(cls + "/SparkPeer.class") < os.path.getmtime(src):
        sh(f"javac -nowarn -cp '{jars()}/*' -d {cls} {src}")


def java():
    opens = " ".join(f"--add-opens=java.base/{p}=ALL-UNNAMED" for p in OPENS)
    return (f"java -Xmx{A.heap} -XX:+IgnoreUnrecognizedVMOptions --add-modules=jdk.incubator.vector {opens} -Djdk.reflect.useDirectMethodHandle=false "
            f"-Dio.netty.tryReflectionSetAccessible=true -Djava.io.tmpdir={WORK}/tmp -cp '{BENCH}/sparkj:{WORK}/sparkcls:{jars()}/*' SparkPeer")


def data(size, wls):
    """Makes what the workloads read, and nothing else: TPC-H needs a generator that is installed for it."""
    d = os.path.join(WORK, "data", size)
    kinds = {C["workloads"][w].get("in", "").removesuffix("_tbl") for w in wls}
    for kind, flags in C["sizes"][size]["gen"].items():
        if kind not in kinds:
            continue
        if kind != "tpch":
            if not os.path.exists(f"{d}/{kind}/.ok"):
                sh(f"{WORK}/benchtool gen {kind} -out {d}/{kind} {flags}")
                open(f"{d}/{kind}/.ok", "w").close()
        elif not os.path.exists(f"{d}/tpch_tbl/.ok"):
            venv()
            g = f"{WORK}/venv/bin/tpchgen-cli"
            sh(f"{g} parquet -s {flags} --output-dir={d}/tpch && {g} tbl -s {flags} --tables=lineitem,orders,customer --output-dir={d}/tpch_tbl")
            open(f"{d}/tpch_tbl/.ok", "w").close()
    return d


def tree_rss(pid):
    """Sum of proportional-free RSS over the process and its descendants, in MB."""
    kids = {}
    for s in os.listdir("/proc"):
        if s.isdigit():
            try:
                f = open(f"/proc/{s}/stat").read().rsplit(")", 1)[1].split()
                kids.setdefault(int(f[1]), []).append((int(s), int(f[21])))
            except (OSError, IndexError):
                pass
    tot, todo = 0, [pid]
    while todo:
        for c, r in kids.get(todo.pop(), []):
            tot += r
            todo.append(c)
    try:
        tot += int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[21])
    except (OSError, IndexError):
        pass
    return tot * os.sysconf("SC_PAGE_SIZE") / 2**20


def one(peer, w, size, ddir):
    wl = C["workloads"][w]
    out, tmp = os.path.join(WORK, "out"), os.path.join(WORK, "tmp")
    for d in (out, tmp):
        shutil.rmtree(d, ignore_errors=True)
    os.makedirs(tmp)
    if not peer.startswith(("spark", "pyspark")):
        os.makedirs(out)  # Spark wants to make it
    prm = C["sizes"][size]["params"].get(wl.get("params", w), "")
    args = f"--workload {w} --out {out} --cores {A.cores} --size {size}"
    if wl.get("in"):
        args += f" --in {ddir}/{wl['in']}"
    if prm:
        args += f" --params {prm}"
    if "py" in C["peers"][peer].get("setup", "") or "spark" in C["peers"][peer].get("setup", ""):
        args += f" --tmp {tmp} --sql {BENCH}/sql"
    pc = C["peers"][peer]
    cmd = pc["cmd"].replace("{args}", args)
    for k, v in {"{work}": WORK, "{bench}": BENCH, "{py}": PY, "{workload}": w, "{in}": f"{ddir}/{wl.get('in', '')}", "{out}": out, "{params}": prm or "-",
                 "{cores}": str(A.cores), "{size}": size}.items():
        cmd = cmd.replace(k, v)
    if "{java}" in cmd:
        cmd = cmd.replace("{java}", java())
    env = dict(os.environ, TMPDIR=tmp, **pc.get("env", {}))
    t = time.time()
    so, se = open(f"{WORK}/stdout", "w+"), open(f"{WORK}/stderr", "w+")
    p = subprocess.Popen("exec " + cmd, shell=True, stdout=so, stderr=se, cwd=tmp, env=env, start_new_session=True)
    peak, stop = [0], threading.Event()

    def watch():
        while not stop.wait(0.1):
            peak[0] = max(peak[0], tree_rss(p.pid))
    th = threading.Thread(target=watch)
    th.start()
    try:
        rc = p.wait(A.timeout)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        rc = "timeout"
    wall = time.time() - t
    stop.set()
    th.join()
    so.seek(0), se.seek(0)
    lines = [l for l in so.read().splitlines() if l.startswith("{")]
    r = None
    for l in lines:
        try:
            r = json.loads(l)
        except ValueError:
            pass
    if r is None:
        return {"peer": peer, "workload": w, "size": size, "error": f"rc={rc} " + se.read()[-400:]}
    if "skip" in r:
        return None
    r["peer"], r["wall_s"], r["size"] = peer, round(wall, 3), size
    if rc != 0:
        r["error"] = f"rc={rc}"
    r["rss_mb"] = int(max(peak[0], r.get("rss_mb", 0)))
    if wl.get("verify"):
        r["check"] = subprocess.run([f"{WORK}/benchtool", "verify", wl["verify"], out], capture_output=True, text=True).stdout.strip()
    return r


def main():
    peers = A.peers.split(",") if A.peers else list(C["peers"])
    wls = A.workloads.split(",") if A.workloads else list(C["workloads"])
    sh(f"go build -C {BENCH}/benchtool -o {WORK}/benchtool .")
    for p in peers:
        s = C["peers"][p].get("setup")
        {"spark": spark, "py": venv}.get(s, lambda: None)()
        for b in C["peers"][p].get("build", []):
            sh(b.replace("{bench}", BENCH).replace("{work}", WORK))
    ddir = data(A.size, wls)
    reps = {p: A.reps for p in peers}
    reps.update((k, int(v)) for k, v in (x.split("=") for x in A.reps_of.split(",") if x))
    rows = []
    if A.append and os.path.exists(OUT):
        rows = [r for r in json.load(open(OUT))["rows"] if not (r["size"] == A.size and r["peer"] in peers and r["workload"] in wls)]
    for w in wls:
        runs = {p: [] for p in peers}
        for i in range(max(reps.values())):  # in turns, so that what slows the machine slows all
            for p in peers:
                if i < reps[p] and (not runs[p] or runs[p][-1] and "error" not in runs[p][-1]):
                    runs[p].append(one(p, w, A.size, ddir))
        for p in peers:
            if r := median([r for r in runs[p] if r]):
                rows.append(r)
                print(json.dumps({k: v for k, v in r.items() if k != "check"}), file=sys.stderr, flush=True)
        save(rows)
    bad = save(rows)
    print(open(TABLE).read())
    if not A.work:
        print(f"{WORK} holds the table and the data", file=sys.stderr)
    sys.exit(1 if bad else 0)


def median(runs):
    """The run of median wall time, with the medians of the other times; a failed one if any failed."""
    if not runs or "error" in runs[-1]:
        return runs[-1] if runs else None
    mid = dict(sorted(runs, key=lambda r: r["wall_s"])[len(runs) // 2], reps=len(runs), least_s=min(r["run_s"] for r in runs))
    for k in ("load_s", "run_s"):
        mid[k] = statistics.median(r[k] for r in runs)
    mid["rss_mb"] = max(r["rss_mb"] for r in runs)
    return mid


def took(r):
    """What is compared: the whole process where it is about starting, the work elsewhere."""
    return r["wall_s"] if r["workload"] == "startup" else r["run_s"]


def ratios(f, rows, size, ps):
    f.write(f"\n### {size}: run_s (startup: wall_s) of each ÷ gordd's; above 1, gordd is faster\n\n| workload | gordd | " + " | ".join(ps) + " |\n|" + "---|" * (len(ps) + 2) + "\n")
    for w in C["workloads"]:
        of = {r["peer"]: took(r) for r in rows if r["workload"] == w and r["size"] == size and "error" not in r}
        if of.get("gordd") and len(of) > 1:
            f.write(f"| {w} | {of['gordd']:.3g} s | " + " | ".join(f"{of[p] / of['gordd']:.3g}" if p in of else "" for p in ps) + " |\n")


def save(rows):
    bad = []
    for size in sorted({r["size"] for r in rows}):
        for w in sorted({r["workload"] for r in rows}):
            cs = {}
            for r in rows:
                if r["workload"] == w and r["size"] == size and "check" in r:
                    cs.setdefault(r["check"], []).append(r["peer"])
            if len(cs) > 1:
                bad.append((size, w, cs))
    json.dump({"machine": {"cpus": os.cpu_count(), "cores_used": A.cores, "python": platform.python_version()}, "disagree": bad, "rows": rows}, open(OUT, "w"), indent=1)
    with open(TABLE, "w") as f:
        for size in sorted({r["size"] for r in rows}):
            ps = list(dict.fromkeys(r["peer"] for r in rows if r["size"] == size))
            f.write(f"\n### {size}: load_s + run_s (process wall_s, rss MB)\n\n| workload | " + " | ".join(ps) + " |\n|" + "---|" * (len(ps) + 1) + "\n")
            for w in C["workloads"]:
                row = []
                for p in ps:
                    r = next((r for r in rows if (r["peer"], r["workload"], r["size"]) == (p, w, size)), None)
                    if r is None:
                        row.append("")
                    elif "error" in r:
                        row.append("failed")
                    elif w in ("tasks1000", "count100"):
                        row.append(f"{r['run_s'] * 1e3:.3g} ms")
                    elif w == "startup":
                        row.append(f"{r['wall_s']:.2f} s wall")
                    else:
                        row.append(f"{r['load_s']:.2f}+{r['run_s']:.2f} ({r['wall_s']:.1f}, {r['rss_mb']})")
                if any(row):
                    f.write(f"| {w} | " + " | ".join(row) + " |\n")
            ratios(f, rows, size, [p for p in ps if p != "gordd"])
        for size, w, cs in bad:
            f.write(f"\nDISAGREE {size} {w}: {cs}\n")
    for b in bad:
        print("DISAGREE", b, file=sys.stderr)
    return bad


main()
