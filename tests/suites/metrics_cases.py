#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cases for the metrics of evaluation reports, with what scikit-learn says of them.

    tests/suites/metrics_cases.py --store tests/vectors/metrics.json

tests/training/metrics_test.cpp compares ours with the stored file. Cases are drawn by a seed:
classes that are absent, of one sample, ties everywhere, right and wrong throughout. Needs
scikit-learn of at least 1.7 (from PyPI)."""

import argparse
import json
import math
import random
import warnings

# name: (samples, classes, digits that probabilities are rounded to or None, classes that occur)
CLASS_CASES = {
    "binary": (200, 2, None, None),
    "binary_ties": (150, 2, 1, None),
    "binary_one_kind": (20, 2, None, [1]),
    "three": (120, 3, None, None),
    "three_ties": (200, 3, 1, None),
    "ten": (300, 10, None, None),
    "ten_rare": (60, 10, None, [0, 3, 4]),
    "all_equal": (30, 4, 0, None),
    "one_sample": (1, 3, None, None),
    "two_samples": (2, 2, None, None),
}


def softmax(row):
    top = max(row)
    powers = [math.exp(x - top) for x in row]
    return [x / sum(powers) for x in powers]


def draw_probabilities(rng, classes, digits):
    """A row that sums to 1; with `digits`, of few different values, so that samples tie."""
    row = softmax([rng.gauss(0, 2) for _ in range(classes)])
    if digits is None:
        return row
    if digits == 0:
        return [1.0 / classes] * classes
    steps = 4
    cuts = sorted(rng.randint(0, steps) for _ in range(classes - 1))
    return [(b - a) / steps for a, b in zip([0] + cuts, cuts + [steps])]


def first_largest(row):
    return row.index(max(row))


def number(value):
    return None if value is None or math.isnan(value) else float(value)


def class_truth(wanted, rows, classes):
    from sklearn import metrics

    predicted = [first_largest(row) for row in rows]
    labels = list(range(classes))
    truth = {
        "confusion": metrics.confusion_matrix(wanted, predicted, labels=labels).tolist(),
        "accuracy": metrics.accuracy_score(wanted, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(wanted, predicted),
        "matthews": metrics.matthews_corrcoef(wanted, predicted),
        "kappa": number(metrics.cohen_kappa_score(wanted, predicted)),
        "log_loss": metrics.log_loss(wanted, rows, labels=labels),
        "roc_auc": [],
        "average_precision": [],
        "curves": [],
    }
    brier_rows = [row[1] for row in rows] if classes == 2 else rows
    truth["brier"] = metrics.brier_score_loss(wanted, brier_rows, labels=labels)
    for average in (None, "macro", "micro", "weighted"):
        p, r, f, _ = metrics.precision_recall_fscore_support(
            wanted,
            predicted,
            labels=labels if average is None else None,
            average=average,
            zero_division=0,
        )
        listed = [p.tolist(), r.tolist(), f.tolist()] if average is None else [p, r, f]
        truth[average or "each"] = [[float(x) for x in part] if average is None else float(part) for part in listed]
    for c in labels:
        kind = [int(w == c) for w in wanted]
        scores = [row[c] for row in rows]
        auc = metrics.roc_auc_score(kind, scores) if 0 < sum(kind) < len(kind) else math.nan
        truth["roc_auc"].append(number(auc))
        truth["average_precision"].append(float(metrics.average_precision_score(kind, scores)))
        fpr, tpr, thresholds = metrics.roc_curve(kind, scores, drop_intermediate=False)
        truth["curves"].append(
            {
                "threshold": [float(x) for x in thresholds[1:]],
                "tp": [round(float(x) * sum(kind)) if sum(kind) else None for x in tpr[1:]],
                "fp": [round(float(x) * (len(kind) - sum(kind))) if sum(kind) < len(kind) else None for x in fpr[1:]],
            }
        )
    return truth


def class_case(name, rng):
    samples, classes, digits, kinds = CLASS_CASES[name]
    wanted = [rng.choice(kinds or range(classes)) for _ in range(samples)]
    rows = [draw_probabilities(rng, classes, digits) for _ in range(samples)]
    if name == "two_samples":
        wanted, rows = [0, 1], [[0.9, 0.1], [1.0, 0.0]]  # p = 0 on a class that was wanted
    return {
        "name": name,
        "classes": classes,
        "wanted": wanted,
        "probabilities": rows,
        "truth": class_truth(wanted, rows, classes),
    }


def regression_truth(wanted, predicted):
    from sklearn import metrics

    many = len(wanted) > 1
    return {
        "mse": metrics.mean_squared_error(wanted, predicted),
        "rmse": metrics.root_mean_squared_error(wanted, predicted),
        "mae": metrics.mean_absolute_error(wanted, predicted),
        "median_absolute_error": metrics.median_absolute_error(wanted, predicted),
        "max_error": metrics.max_error(wanted, predicted),
        "r2": number(metrics.r2_score(wanted, predicted)) if many else None,
        "explained_variance": number(metrics.explained_variance_score(wanted, predicted))
        if many
        else None,
    }


def regression_cases(rng):
    drawn = [rng.gauss(100, 20) for _ in range(101)]
    cases = {
        "drawn": (drawn, [x + rng.gauss(3, 5) for x in drawn]),
        "even": (drawn[:50], [x * 0.9 for x in drawn[:50]]),
        "constant": ([5.0] * 10, [rng.gauss(5, 1) for _ in range(10)]),
        "perfect": (drawn[:7], drawn[:7]),
        "constant_perfect": ([2.0] * 4, [2.0] * 4),
        "one": ([1.0], [3.0]),
    }
    return [
        {"name": name, "wanted": w, "predicted": p, "truth": regression_truth(w, p)}
        for name, (w, p) in cases.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", required=True, metavar="FILE", help="where the cases go")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # of what is not defined, which is looked at here
    rng = random.Random(arguments.seed)
    cases = {
        "classes": [class_case(name, rng) for name in CLASS_CASES],
        "regression": regression_cases(rng),
    }
    with open(arguments.store, "w", encoding="utf-8") as file:
        json.dump(cases, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
