"""Reference numbers for tests/data/metrics.test.ts, from scikit-learn and scipy.

    pip install scikit-learn scipy && python scripts/goldens/metrics.py > tests/fixtures/metrics.json

A score that is undefined there (NaN, or 0 with a warning) is 0 here, and `undefined` names it.
"""
import json
import math
import warnings

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

rng = np.random.default_rng(11)
out = {"made_with": {"sklearn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__}}


def classes(name, truth, predicted):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    row = {"name": name, "truth": truth.tolist(), "predicted": predicted.tolist(), "undefined": []}
    scores = {
        "accuracy": lambda: metrics.accuracy_score(truth, predicted),
        "f1": lambda: metrics.f1_score(truth == 1, predicted == 1),
        "macroF1": lambda: metrics.f1_score(truth, predicted, average="macro"),
        "matthews": lambda: metrics.matthews_corrcoef(truth, predicted),
    }
    for score, of in scores.items():
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            row[score] = float(of())
        if said:
            row["undefined"].append(score)
    return row


def numbers(name, truth, predicted):
    truth, predicted = np.asarray(truth, float), np.asarray(predicted, float)
    row = {"name": name, "truth": truth.tolist(), "predicted": predicted.tolist(), "undefined": []}
    for score, of in {"pearson": stats.pearsonr, "spearman": stats.spearmanr}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(of(predicted, truth).statistic)
        if math.isnan(value):
            row["undefined"].append(score)
            value = 0.0
        row[score] = value
    return row


def noisy(truth, k, share):
    truth = np.asarray(truth)
    return np.where(rng.random(len(truth)) < share, rng.integers(0, k, len(truth)), truth)


two, five = rng.integers(0, 2, 101), rng.integers(0, 5, 80)
out["classes"] = [
    classes("two classes", two, noisy(two, 2, 0.4)),
    classes("rare positives", (rng.random(150) < 0.07).astype(int), (rng.random(150) < 0.1).astype(int)),
    classes("five classes", five, noisy(five, 5, 0.5)),
    classes("a class that is never predicted", five, np.minimum(noisy(five, 5, 0.2), 3)),
    classes("all right", two, two),
    classes("all wrong", two, 1 - two),
    classes("one each", [1], [1]),
    classes("always 0", two, np.zeros_like(two)),
    classes("always 1", two, np.ones_like(two)),
    classes("labels all 0, some 1 said", np.zeros(9, int), [0, 1, 0, 0, 1, 0, 0, 0, 0]),
    classes("labels and predictions all 0", np.zeros(9, int), np.zeros(9, int)),
    classes("labels and predictions all 1", np.ones(9, int), np.ones(9, int)),
]
scale = np.round(rng.uniform(0, 5, 60), 1)
out["numbers"] = [
    numbers("a rating", scale, scale + rng.normal(0, 1, 60)),
    numbers("ties on both sides", np.round(scale), np.round(scale + rng.normal(0, 1.5, 60))),
    numbers("against", scale, -scale**3),
    numbers("far from 0", 1e8 + scale, 1e8 + scale + rng.normal(0, 1, 60)),
    numbers("huge and tiny", 1e200 * scale, 1e-200 * (scale + rng.normal(0, 1, 60))),
    numbers("two pairs", [1, 2], [5, 4]),
    numbers("a constant prediction", scale, np.full(60, 0.1)),
    numbers("a constant truth", np.full(60, 3.3), scale),
    numbers("both constant", np.full(5, 1.1), np.full(5, 2.2)),
]
print(json.dumps(out))
