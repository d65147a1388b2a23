"""DuckDB, Polars and DataFusion peers; the contract is in ../README.md."""
import argparse, glob, json, os, resource, statistics, sys, time

T_START = time.time()
ap = argparse.ArgumentParser()
for f in ("peer", "workload", "in", "out", "size", "params", "sql", "tmp"):
    ap.add_argument("--" + f, default="")
ap.add_argument("--cores", type=int, default=2)
A = ap.parse_args()
A.inp = getattr(A, "in")
P = dict(kv.split("=") for kv in A.params.split(",") if kv)
I = lambda k: int(P[k])
W = A.workload
r6 = lambda x: f"{x:.5e}"
QS = ["q1", "q3", "q5", "q6", "q9", "q18"]
TABLES = ["lineitem", "orders", "customer", "part", "partsupp", "supplier", "nation", "region"]
now = time.perf_counter


def emit(load, run, check, **extra):
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"peer": A.peer, "workload": W, "size": A.size, "load_s": round(load, 4), "run_s": round(run, 6),
                      "total_s": round(time.time() - T_START, 4), "rss_mb": rss, "check": check, **extra}), flush=True)


def skip():
    print('{"skip":"no such workload"}', flush=True)
    os._exit(0)  # some peers have threads that would hold a plain exit


def tpch(load, query):
    """query(sql) -> (rows, sum of chk); two passes, the first one counts."""
    ex, check, run = {}, "", 0
    for ps in range(2):
        for q in QS:
            sql = open(os.path.join(A.sql, q + ".sql")).read()
            t = now()
            n, s = query(sql)
            e = now() - t
            if ps == 0:
                check += f"{q}={n}:{r6(s)};"
                run += e
            ex[q + ("_warm" if ps else "")] = round(e, 4)
    emit(load, run, check, **ex)


def repeat(f, m=21):
    v = []
    for _ in range(m):
        t = now()
        n = f()
        v.append(now() - t)
    return v[0], statistics.median(v), n


def files(ext):
    return sorted(glob.glob(os.path.join(A.inp, "part-*." + ext)))


def G(i):
    return f"((({i}*48271) % 2147483647)*(({i}*48271) % 2147483647)+{i}) % 2147483647"


def duck():
    import duckdb
    c = duckdb.connect(config={"threads": A.cores})
    c.execute("set preserve_insertion_order=false")
    if A.tmp:
        c.execute(f"set temp_directory='{A.tmp}'")
    t = now()
    rd = f"read_csv('{A.inp}/part-*', header=false, delim='\x01', quote='', escape='', columns={{'v':'VARCHAR'}}, auto_detect=false)"
    pairs = lambda n, k: f"(select {G('i')} % {k} as k, i % 1000 as v from range({n}) t(i))"
    if W == "wordcount":
        os.makedirs(A.out, exist_ok=True)
        c.execute(f"copy (select w, count(*) from (select unnest(string_split(v,' ')) as w from {rd}) group by w) to '{A.out}/out.csv' (header false, delimiter '\t')")
        emit(0, now() - t, "file")
    elif W == "terasort":
        os.makedirs(A.out, exist_ok=True)
        c.execute("set preserve_insertion_order=true")
        c.execute(f"copy (select v from {rd} order by substr(v,1,10)) to '{A.out}/out.csv' (header false, quote '', delimiter '\x01')")
        emit(0, now() - t, "file")
    elif W in ("reduce_ints", "group_ints"):
        n, k = I("n"), I("keys")
        if W == "reduce_ints":
            r = c.execute(f"select count(*), sum(s), sum(k*(s%1000)%1000003) from (select k, sum(v)::bigint as s from {pairs(n, k)} group by k)").fetchone()
        else:
            r = c.execute(f"select count(*), sum(len(s)), sum(list_max(s)) from (select k, list(v) as s from {pairs(n, k)} group by k)").fetchone()
        emit(0, now() - t, ":".join(str(int(x)) for x in r))
    elif W == "join_ints":
        n, m = I("n"), I("m")
        r = c.execute(f"select count(*), sum(v*r) from {pairs(n, 2 * m)} a join (select 2*j as k, j%1000 as r from range({m}) t(j)) b using (k)").fetchone()
        emit(0, now() - t, ":".join(str(int(x)) for x in r))
    elif W == "distinct_ints":
        r = c.execute(f"select count(*), sum(k) from (select distinct k from {pairs(I('n'), I('keys'))})").fetchone()
        emit(0, now() - t, ":".join(str(int(x)) for x in r))
    elif W == "kmeans_csv":
        k, d, it = I("k"), I("dims"), I("iters")
        cols = [f"x{j}" for j in range(d)]
        c.execute("set preserve_insertion_order=true")
        cs = "{" + ",".join(f"'{x}':'DOUBLE'" for x in cols) + "}"
        c.execute(f"create table p as select * from read_csv('{A.inp}/csv/part-*', header=false, auto_detect=false, columns={cs})")
        cent = [list(r) for r in c.execute(f"select * from p limit {k}").fetchall()]
        load = now() - t
        t = now()
        for _ in range(it):
            ds = [" + ".join(f"({x}-({cent[i][j]!r}))*({x}-({cent[i][j]!r}))" for j, x in enumerate(cols)) for i in range(k)]
            inner = ", ".join(f"{e} as d{i}" for i, e in enumerate(ds))
            least = "least(" + ",".join(f"d{i}" for i in range(k)) + ")"
            case = "case " + " ".join(f"when d{i}=m then {i}" for i in range(k)) + " end"
            rs = c.execute(f"select {case} as c, count(*), sum(m), {','.join(f'sum({x})' for x in cols)} from (select *, {least} as m from (select *, {inner} from p)) group by c").fetchall()
            cost = sum(r[2] for r in rs)
            for r in rs:
                cent[r[0]] = [s / r[1] for s in r[3:]]
        run = now() - t
        emit(load, run, r6(cost), iter_s=run / it)
    elif W == "pagerank":
        it = I("iters")
        c.execute(f"create table e as select * from read_csv('{A.inp}/part-*', header=false, delim='\t', auto_detect=false, columns={{'s':'INTEGER','d':'INTEGER'}})")
        c.execute("create table r as select s as n, count(*) as deg, 1.0::double as rk from e group by s")
        load = now() - t
        t = now()
        for _ in range(it):
            c.execute("create or replace table r2 as select d as n, 0.15+0.85*sum(rk/deg) as rk from e join r on e.s=r.n group by d")
            c.execute("create or replace table r as select r.n, r.deg, r2.rk from r join r2 on r.n=r2.n")
        s = c.execute("select sum(rk), max(rk) from r").fetchone()
        run = now() - t
        emit(load, run, r6(s[0]) + ":" + r6(s[1]), iter_s=run / it)
    elif W in ("count100", "startup"):
        f, m, n = repeat(lambda: c.execute("select count(*) from range(100)").fetchone()[0], 1 if W == "startup" else 21)
        emit(f, m, str(n))
    elif W == "tpch":
        for tb in TABLES:
            c.execute(f"create view {tb} as select * from read_parquet('{A.inp}/{tb}.parquet')")

        def q(sql):
            cur = c.execute(sql)
            i = [x[0] for x in cur.description].index("chk")
            rs = cur.fetchall()
            return len(rs), sum(float(r[i]) for r in rs)
        tpch(now() - t, q)
    else:
        skip()


def pol():
    os.environ["POLARS_MAX_THREADS"] = str(A.cores)
    import polars as pl
    t = now()
    raw = lambda: pl.scan_csv(A.inp + "/part-*", has_header=False, separator="\x01", quote_char=None, schema={"v": pl.String})

    def pairs(n, k):
        x = (pl.col("i") * 48271) % 2147483647
        return pl.LazyFrame().select(pl.int_range(n, dtype=pl.Int64).alias("i")).select(((x * x + pl.col("i")) % 2147483647 % k).alias("k"), (pl.col("i") % 1000).alias("v"))
    col = lambda lf: lf.collect(engine="streaming")
    if W == "wordcount":
        os.makedirs(A.out, exist_ok=True)
        raw().select(pl.col("v").str.split(" ").explode().alias("w")).group_by("w").agg(pl.len()).sink_csv(A.out + "/out.csv", include_header=False, separator="\t")
        emit(0, now() - t, "file")
    elif W == "terasort":
        os.makedirs(A.out, exist_ok=True)
        raw().with_columns(pl.col("v").str.slice(0, 10).alias("k")).sort("k").select("v").sink_csv(A.out + "/out.csv", include_header=False, quote_style="never")
        emit(0, now() - t, "file")
    elif W == "reduce_ints":
        r = col(pairs(I("n"), I("keys")).group_by("k").agg(pl.col("v").sum().alias("s")).select(pl.len(), pl.col("s").sum(), (pl.col("k") * (pl.col("s") % 1000) % 1000003).sum().alias("c"))).row(0)
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "group_ints":
        r = col(pairs(I("n"), I("keys")).group_by("k").agg(pl.col("v")).select(pl.len(), pl.col("v").list.len().cast(pl.Int64).sum().alias("a"), pl.col("v").list.max().sum().alias("b"))).row(0)
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "join_ints":
        m = I("m")
        R = pl.LazyFrame().select(pl.int_range(m, dtype=pl.Int64).alias("j")).select((pl.col("j") * 2).alias("k"), (pl.col("j") % 1000).alias("r"))
        r = col(pairs(I("n"), 2 * m).join(R, on="k").select(pl.len(), (pl.col("v") * pl.col("r")).sum())).row(0)
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "distinct_ints":
        r = col(pairs(I("n"), I("keys")).select("k").unique().select(pl.len(), pl.col("k").sum())).row(0)
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "kmeans_csv":
        k, d, it = I("k"), I("dims"), I("iters")
        cols = [f"x{j}" for j in range(d)]
        df = pl.scan_csv(A.inp + "/csv/part-*", has_header=False, schema={x: pl.Float64 for x in cols}).collect()
        cent = [list(r) for r in df.head(k).rows()]
        load = now() - t
        t = now()
        for _ in range(it):
            ds = [sum(((pl.col(x) - cent[i][j]) ** 2 for j, x in enumerate(cols)), pl.lit(0.0)).alias(f"d{i}") for i in range(k)]
            m = pl.min_horizontal([f"d{i}" for i in range(k)]).alias("m")
            c = pl.coalesce([pl.when(pl.col(f"d{i}") == pl.col("m")).then(pl.lit(i, dtype=pl.Int32)) for i in range(k)]).alias("c")
            rs = col(df.lazy().with_columns(ds).with_columns(m).with_columns(c).group_by("c").agg(pl.len().alias("n"), pl.col("m").sum(), *[pl.col(x).sum() for x in cols])).rows()
            cost = sum(r[2] for r in rs)
            for r in rs:
                cent[r[0]] = [s / r[1] for s in r[3:]]
        run = now() - t
        emit(load, run, r6(cost), iter_s=run / it)
    elif W == "pagerank":
        it = I("iters")
        e = pl.scan_csv(A.inp + "/part-*", has_header=False, separator="\t", schema={"s": pl.Int32, "d": pl.Int32}).collect()
        r = e.group_by(pl.col("s").alias("n")).agg(pl.len().alias("deg")).with_columns(pl.lit(1.0).alias("rk"))
        load = now() - t
        t = now()
        for _ in range(it):
            r2 = e.lazy().join(r.lazy(), left_on="s", right_on="n").group_by(pl.col("d").alias("n")).agg((0.15 + 0.85 * (pl.col("rk") / pl.col("deg")).sum()).alias("rk"))
            r = col(r.lazy().select("n", "deg").join(r2, on="n"))
        s = r.select(pl.col("rk").sum(), pl.col("rk").max().alias("m")).row(0)
        run = now() - t
        emit(load, run, r6(s[0]) + ":" + r6(s[1]), iter_s=run / it)
    elif W in ("count100", "startup"):
        f, m, n = repeat(lambda: pl.LazyFrame().select(pl.int_range(100).alias("i")).select(pl.len()).collect().item(), 1 if W == "startup" else 21)
        emit(f, m, str(n))
    elif W == "tpch":
        ctx = pl.SQLContext({tb: pl.scan_parquet(f"{A.inp}/{tb}.parquet") for tb in TABLES})

        def q(sql):
            df = col(ctx.execute(sql))
            return df.height, float(df["chk"].sum())
        tpch(now() - t, q)
    else:
        skip()


def datafusion():
    import datafusion as dfn
    cfg = dfn.SessionConfig().with_target_partitions(A.cores)
    c = dfn.SessionContext(cfg)
    t = now()

    def sql(q):
        return [tuple(x.values()) for b in c.sql(q).collect() for x in b.to_pylist()]
    pairs = lambda n, k: f"(select {G('value')} % {k} as k, value % 1000 as v from range({n}))"
    if W == "reduce_ints":
        r = sql(f"select count(*), sum(s), sum(k*(s%1000)%1000003) from (select k, sum(v) as s from {pairs(I('n'), I('keys'))} group by k)")[0]
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "group_ints":
        r = sql(f"select count(*), sum(array_length(s)), sum(array_max(s)) from (select k, array_agg(v) as s from {pairs(I('n'), I('keys'))} group by k)")[0]
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "join_ints":
        n, m = I("n"), I("m")
        r = sql(f"select count(*), sum(a.v*b.r) from {pairs(n, 2 * m)} a join (select 2*value as k, value%1000 as r from range({m})) b on a.k=b.k")[0]
        emit(0, now() - t, ":".join(map(str, r)))
    elif W == "distinct_ints":
        r = sql(f"select count(*), sum(k) from (select distinct k from {pairs(I('n'), I('keys'))})")[0]
        emit(0, now() - t, ":".join(map(str, r)))
    elif W in ("count100", "startup"):
        f, m, n = repeat(lambda: sql("select count(*) from range(100)")[0][0], 1 if W == "startup" else 21)
        emit(f, m, str(n))
    elif W == "wordcount":
        import pyarrow as pa
        c.register_csv("t", A.inp + "/", schema=pa.schema([("v", pa.string())]), has_header=False, delimiter="\x01", file_extension=".txt")
        os.makedirs(A.out, exist_ok=True)
        c.sql("select w, count(*) as n from (select unnest(string_to_array(v,' ')) as w from t) group by w").write_csv(A.out)
        emit(0, now() - t, "file")
    elif W == "tpch":
        for tb in TABLES:
            c.register_parquet(tb, f"{A.inp}/{tb}.parquet")

        def q(s):
            bs = c.sql(s).collect()
            return sum(b.num_rows for b in bs), sum(float(x) for b in bs for x in b.column(b.schema.get_field_index("chk")).to_pylist())
        tpch(now() - t, q)
    else:
        skip()


{"duckdb": duck, "polars": pol, "datafusion": datafusion}[A.peer]()
