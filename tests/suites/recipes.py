# SPDX-License-Identifier: Apache-2.0
"""Trains the recipes and compares what they reach with what docs/results.md says they reach.

Without options each runs as it is. --short cuts the long ones to some steps, with bounds that fit.
Data are made by scripts/data.sh. Prints a line per recipe; exits 1 where a bound is missed, 77 where
data could not be made."""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

NO_DATA = 77  # ctest counts it as skipped

# recipe: data, score, its bound, and for --short other settings and bound. The sign says on which
# side of the bound a score has to be.
RECIPES = {
    "fashion_mnist_mlp": ("fashion_mnist", "accuracy", ">", 0.89, ["steps=300"], 0.78),
    "fashion_mnist_cnn": ("fashion_mnist", "accuracy", ">", 0.915, ["steps=150"], 0.80),
    "fashion_mnist_resnet20": ("fashion_mnist", "accuracy", ">", 0.93, ["steps=12"], 0.2),
    "kjv_gpt": ("kjv", "bits_per_character", "<", 1.95, ["steps=60", "schedule.warmup=20"], 2.7),
    "kjv_lstm": ("kjv", "bits_per_character", "<", 2.3, ["steps=120"], 3.4),
    "tabular_breast_cancer": ("breast_cancer", "accuracy", ">", 0.95, [], 0.95),
    "tabular_digits": ("digits", "accuracy", ">", 0.96, [], 0.96),
    # Principal components, 8 of them, leave 6.3.
    "digits_autoencoder": ("digits", "mse", "<", 5.6, [], 5.6),
    "karate_gcn": ("karate", "accuracy", ">", 0.93, [], 0.93),
    "tabular_wine": ("wine", "accuracy", ">", 0.95, [], 0.95),
    "tabular_diabetes": ("diabetes", "r2", ">", 0.35, [], 0.35),
    "co2_forecast": ("co2", "mae", "<", None, [], None),
}


def naive_errors(history, horizon, test):
    """Mean absolute errors on the test windows of data/cache/co2 of the last month's value and of
    the same month's a year before: what a forecast has to beat."""
    with open(os.path.join(ROOT, "data/cache/co2/co2.csv"), encoding="utf-8") as stream:
        values = [float(row["ppm"]) for row in csv.DictReader(stream)]
    windows = len(values) - history - horizon + 1
    last, seasonal = [], []
    for start in range(windows - round(test * windows) + horizon - 1, windows):
        known = values[start : start + history]
        for ahead in range(horizon):
            truth = values[start + history + ahead]
            last.append(abs(truth - known[-1]))
            seasonal.append(abs(truth - known[-12 + ahead % 12]))
    return {"last value": sum(last) / len(last), "year before": sum(seasonal) / len(seasonal)}


def run(command):
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"recipes: {' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def judge(arguments, name, folder):
    data, score, sign, bound, settings, short_bound = RECIPES[name]
    if subprocess.run(["scripts/data.sh", data], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        print(f"recipes: scripts/data.sh {data} failed", file=sys.stderr)
        sys.exit(NO_DATA)
    settings, bound = (settings, short_bound) if arguments.short else ([], bound)
    begun, target = time.time(), os.path.join(folder, name)
    run([arguments.program, "train", f"recipes/{name}.toml", f"run={target}", *settings, *arguments.settings])
    trained = time.time() - begun
    scores = json.loads(run([arguments.program, "eval", target, "--json"]))
    if score == "bits_per_character":  # a token is a byte and the text is ASCII
        scores.setdefault(score, scores["loss"] / math.log(2))
    note = ""
    if name == "co2_forecast":
        naive = naive_errors(36, 12, 0.2)
        bound = min(naive.values())
        note = "; " + ", ".join(f"{kind} {error:.3f}" for kind, error in naive.items())
    held = scores[score] > bound if sign == ">" else scores[score] < bound
    print(f"{name}: {score} {scores[score]:.4f}, expected {sign} {bound:.4g}{note}; {trained:.0f} s", flush=True)
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    parser.add_argument("--only", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--shim", help=argparse.SUPPRESS)  # what all suites are given
    parser.add_argument("--settings", nargs="*", default=[], help="key=value, for every recipe")
    arguments = parser.parse_args()
    arguments.program = os.path.abspath(arguments.program)
    names = os.listdir(os.path.join(ROOT, "recipes"))
    listed = {name.removesuffix(".toml") for name in names if name.endswith(".toml")}
    if listed != set(RECIPES):
        sys.exit(f"recipes: this list and the folder recipes/ differ in {listed ^ set(RECIPES)}")
    with tempfile.TemporaryDirectory() as folder:
        missed = [name for name in arguments.only if not judge(arguments, name, folder)]
    if missed:
        sys.exit(f"recipes: short of what they should reach: {', '.join(missed)}")


if __name__ == "__main__":
    main()
