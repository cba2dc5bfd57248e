#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What losses are said to do, on scikit-learn's digits (8 x 8, pixels / 16; every 5th row is the test):
cross-entropy against squared error of probabilities, and a rare class under plain, weighted and focal loss.

    scripts/data.sh digits && tests/suites/loss_claims.py --program build/release/gradus

Prints a line per run and claim; exits 1 where a claim does not hold. About a minute."""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLUMNS = [f"p{i}" for i in range(64)] + ["digit"]
SEEDS = (1, 2, 3)
COMMON = ["data.format=csv", "data.target=digit", "data.scaling=none", "data.task=classification",
          "optimizer.name=sgd", "model.name=mlp"]


def digits():
    """Pixels / 16 and the digit: the training rows, and the test's."""
    with open(os.path.join(ROOT, "data/cache/digits/digits.csv"), encoding="utf-8") as stream:
        rows = [[int(cell) for cell in row] for row in list(csv.reader(stream))[1:]]
    rows = [[cell / 16 for cell in row[:64]] + [row[64]] for row in rows]
    return [r for i, r in enumerate(rows) if i % 5 != 0], [r for i, r in enumerate(rows) if i % 5 == 0]


def write(folder, train, test):
    """The test is the validation part too, so that each epoch is scored on it."""
    os.makedirs(folder)
    for name, rows in (("train", train), ("val", test), ("test", test)):
        with open(os.path.join(folder, name + ".csv"), "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS] + rows)
    return folder


def rare_eights(rows, positives):
    """Eight or not, with the first `positives` eights alone."""
    kept = []
    for row in rows:
        if row[64] == 8 and positives == 0:
            continue
        positives -= row[64] == 8
        kept.append(row[:64] + [int(row[64] == 8)])
    return kept


def gradus(program, *arguments):
    result = subprocess.run([program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"loss_claims: {' '.join(arguments)}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def train(program, folder, data, name, settings):
    run = os.path.join(folder, name)
    recipe = os.path.join(folder, "empty.toml")
    with open(recipe, "w", encoding="utf-8"):
        pass
    gradus(program, "train", recipe, f"run={run}", f"data.path={data}", *COMMON, *settings)
    return run


def first_epoch_at(run, accuracy):
    """The first epoch whose score reaches `accuracy`, or None."""
    epoch = 0
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            if entry.get("split") != "validation":
                continue
            epoch += 1
            if entry["metrics"]["accuracy"] >= accuracy:
                return epoch
    return None


def entropy_or_squares(program, folder):
    """(claim, whether it holds) of each seed."""
    data = write(os.path.join(folder, "d8"), *digits())
    for seed in SEEDS:
        reached = {}
        for loss in ("cross_entropy", "mse"):
            run = train(program, folder, data, f"{loss}-{seed}",
                        [f"seed={seed}", f"loss.name={loss}", "lr=0.1", "batch=32", "epochs=60", "model.hidden=32"])
            reached[loss] = first_epoch_at(run, 0.9)
        print(f"seed {seed}: 90 % of the test in epoch {reached['cross_entropy']} by cross-entropy, "
              f"{reached['mse']} by squared error")
        yield "cross-entropy within 15 epochs", reached["cross_entropy"] is not None and reached["cross_entropy"] <= 15
        yield "squared error not within 60", reached["mse"] is None


def rare_class(program, folder):
    """Twelve eights among the other digits, by one linear layer."""
    training, test = digits()
    data = write(os.path.join(folder, "eights"), rare_eights(training, 12), rare_eights(test, -1))
    kinds = {"plain": [], "weights": ["data.class_weights=balanced"], "over": ["data.sampling=oversample"],
             "under": ["data.sampling=undersample", "batch=8", "epochs=200"], "focal": ["loss.name=focal"]}
    for seed in SEEDS:
        found = {}
        for kind, settings in kinds.items():
            given = {setting.split("=")[0] for setting in settings}
            usual = [s for s in ("batch=32", "epochs=20") if s.split("=")[0] not in given]
            run = train(program, folder, data, f"{kind}-{seed}",
                        [f"seed={seed}", "lr=0.1", "model.hidden=[]", *usual, *settings])
            gradus(program, "eval", run, "--report", run + "-report")
            with open(os.path.join(run + "-report", "report.json"), encoding="utf-8") as stream:
                report = json.load(stream)
            eight = report["classes"][1]
            found[kind] = report["accuracy"], eight["recall"], eight["roc_auc"]
            print("seed {}, {}: accuracy {:.3f}, recall {:.3f}, area under ROC {:.3f}".format(seed, kind, *found[kind]))
        accuracy, recall, area = found["plain"]
        yield "plain: accuracy at least 0.88 with a recall of at most 0.1", accuracy >= 0.88 and recall <= 0.1
        yield "weights: recall at least 0.35", found["weights"][1] >= 0.35
        yield "focal: area at least 3 points above plain", found["focal"][2] >= area + 0.03


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    program = os.path.abspath(parser.parse_args().program)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for part in (entropy_or_squares, rare_class):
            for claim, holds in part(program, folder):
                failed += not holds
                print(f"{'holds' if holds else 'FAILS'}: {claim}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
