"""Reference numbers for tests/reports/stats.test.ts, from numpy and scipy.

    pip install numpy scipy && python scripts/goldens/stats.py > tests/fixtures/stats.json
"""
import itertools
import json

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(7)


def holm(p):
    """Holm 1979, step-down, written out (scipy has none)."""
    p = np.asarray(p)
    order = np.argsort(p)
    out = np.empty(len(p))
    out[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return out.tolist()


def wilcoxon_by_enumeration(d):
    """Two-sided exact p over all 2^n sign patterns: ties share ranks, zeros are dropped."""
    d = np.array([v for v in d if v != 0])
    r = stats.rankdata(np.abs(d))
    observed = min(r[d > 0].sum(), r[d < 0].sum())
    sums = np.array([sum(itertools.compress(r, signs)) for signs in itertools.product([0, 1], repeat=len(d))])
    return {"statistic": observed, "n": len(d), "p": min(1.0, 2 * float(np.mean(sums <= observed)))}


def sample(n, loc=0.0, scale=1.0, digits=None):
    x = rng.normal(loc, scale, n)
    return (x if digits is None else np.round(x, digits)).tolist()


out = {"made_with": {"numpy": np.__version__, "scipy": scipy.__version__}}

lists = [[3.25], sample(2), sample(3, 93, 0.4), sample(5, 1e8, 1e-3), sample(10, -5, 2), sample(101, 0, 30, 0)]
out["describe"] = [
    {
        "x": x,
        "mean": float(np.mean(x)),
        "sd": None if len(x) < 2 else float(np.std(x, ddof=1)),
        "median": float(np.median(x)),
        "quantiles": {str(q): float(np.quantile(x, q)) for q in (0, 0.1, 0.25, 0.9, 1)},
        "interval": None if len(x) < 2 else [float(v) for v in stats.t.interval(0.95, len(x) - 1, np.mean(x), stats.sem(x))],
        "ranks": stats.rankdata(x).tolist(),
    }
    for x in lists
]
dfs, ts, ps = [0.5, 1, 2, 4, 9, 30, 200, 5000], [-40, -3, -0.5, -1e-3, 0, 0.7, 2, 6, 25], [1e-9, 0.001, 0.025, 0.4, 0.6, 0.95, 0.975, 0.9995]
out["t_cdf"] = [[t, df, float(stats.t.cdf(t, df))] for df in dfs for t in ts]
out["t_sf"] = [[t, df, float(stats.t.sf(t, df))] for df in dfs for t in ts]
out["t_quantile"] = [[p, df, float(stats.t.ppf(p, df))] for df in dfs for p in ps]
out["normal_sf"] = [[z, float(stats.norm.sf(z))] for z in (-5, -1, 0, 0.01, 1, 1.96, 2.99, 3.01, 6, 20)]

out["paired_t"] = []
for n, shift in ((2, 0.5), (3, 0.2), (5, 0.0), (5, 3.0), (20, 0.3)):
    a, b = np.array(sample(n, shift)), np.array(sample(n))
    r = stats.ttest_rel(a, b)
    ci = r.confidence_interval(0.95)
    out["paired_t"].append({"a": a.tolist(), "b": b.tolist(), "t": float(r.statistic), "p": float(r.pvalue), "low": float(ci.low), "high": float(ci.high)})

out["wilcoxon_exact"] = []
for n in (1, 3, 5, 6, 10, 20, 40):
    a, b = sample(n, 0.4), sample(n)
    r = stats.wilcoxon(a, b, method="exact")
    out["wilcoxon_exact"].append({"a": a, "b": b, "statistic": float(r.statistic), "n": n, "p": float(r.pvalue)})
out["wilcoxon_ties"] = []
for n in (3, 5, 8, 12):
    a, b = sample(n, 0.6, 1, 0), sample(n, 0, 1, 0)
    out["wilcoxon_ties"].append({"a": a, "b": b, **wilcoxon_by_enumeration(np.array(a) - np.array(b))})
out["wilcoxon_normal"] = []
for digits in (None, 1):
    a, b = sample(80, 0.2, 1, digits), sample(80, 0, 1, digits)
    r = stats.wilcoxon(a, b, method="asymptotic", correction=False)
    out["wilcoxon_normal"].append({"a": a, "b": b, "statistic": float(r.statistic), "p": float(r.pvalue)})

out["holm"] = [{"p": p, "corrected": holm(p)} for p in ([0.04], [0.01, 0.04, 0.03, 0.005], [0.5, 0.9, 0.2, 0.2], [0.001, 0.8, 0.02, 0.049, 0.01])]

out["spearman"] = []
for n, digits in ((3, None), (10, None), (30, 0)):
    x = sample(n, 0, 1, digits)
    y = (np.array(x) + np.array(sample(n, 0, 1, digits))).tolist()
    out["spearman"].append({"x": x, "y": y, "rho": float(stats.spearmanr(x, y).statistic)})

print(json.dumps(out))
