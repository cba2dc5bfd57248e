# SPDX-License-Identifier: Apache-2.0
"""Rows of rows.py about what targets are: classes, one of two, labels, numbers."""

import json
import os
import random

from rows_lab import ROOT, SEEDS, row


@row("S191")
def shuffled_labels(lab):
    """The negative control: nothing is to be learnt of labels that belong to other samples."""
    settings = ["optimizer.name=adam", "epochs=20", "batch=32"]
    for seed in SEEDS:
        labels = [label for _, label in lab.train_part]
        random.Random(seed).shuffle(labels)
        wrong = [(inputs, label) for (inputs, _), label in zip(lab.train_part, labels)]
        data = lab.arrays(f"shuffled-{seed}", wrong)
        accuracy = lab.accuracy(*settings, f"seed={seed}", data=data)
        # Of 10 classes chance is 0.1. Digits that look alike get the same wrong answer, so that single runs stray
        # more than the 0.016 of 360 independent guesses.
        yield f"seed {seed}: D8 with shuffled labels is learnt to chance", f"{accuracy:.3f}", accuracy <= 0.16
    accuracy = lab.accuracy(*settings)
    yield "with its own labels to at least 0.94", f"{accuracy:.3f}", accuracy >= 0.94


def labelled(samples, labels):
    return [(inputs, labels(label)) for inputs, label in samples]


@row("S192")
def tasks(lab):
    def data(name, labels, **how):
        return lab.arrays(name, labelled(lab.train_part, labels), labelled(lab.test_part, labels), **how)

    odd = data("odd", lambda digit: digit % 2)
    settings = ["optimizer.name=adam", "epochs=20", "batch=32"]
    reached = {}
    for task in ("binary", "classification"):
        run = lab.train(*settings, f"data.task={task}", data=odd)
        (outputs, _), _ = run.weights()["fc2.weight"]
        reached[task] = run.accuracy()
        yield f"odd digits, {task}: {outputs} outputs, accuracy at least 0.96", \
            f"{reached[task]:.3f}", reached[task] >= 0.96 and outputs == {"binary": 1, "classification": 2}[task]
    marks = data("marks", lambda digit: (digit % 2, digit > 4, digit in (0, 6, 8, 9)), target="i8")
    run = lab.train(*settings, data=marks)
    score = json.loads(lab.call("eval", run.folder, "--json"))
    yield "odd, above 4, with a ring at once (multilabel): micro and macro F1 at least 0.95, all right 0.9", \
        ", ".join(f"{score[name]:.3f}" for name in ("f1_micro", "f1_macro", "accuracy")), \
        min(score["f1_micro"], score["f1_macro"]) >= 0.95 and score["accuracy"] >= 0.9
    height = data("height", lambda digit: float(digit), target="f4")
    score = json.loads(lab.call("eval", lab.train(*settings, "epochs=60", data=height).folder, "--json"))
    yield "the digit as a number (regression): mae below 1", f"{score['mae']:.2f}", score["mae"] < 1
    for name, folder, setting, fix in (("entropy of numbers", height, "loss.name=cross_entropy", "data.task=classification"),
                                       ("squared error's root of classes", odd, "loss.name=rmse", "data.task=regression"),
                                       ("binary of ten", lab.d8, "data.task=binary", "data.task=classification"),
                                       ("classes of floats", height, "data.task=classification", "data.task=regression"),
                                       ("labels of ten", lab.d8, "data.task=multilabel", "0 or 1")):
        code = 2 if setting.startswith("loss") else 4
        error = lab.call("train", lab.recipe(folder), setting, "run=" + folder + "-no", code=code, stderr=True)
        yield f"{name} is refused with what would fit", fix, fix in error


@row("diabetes", quick=False)
def diabetes(lab):
    """Of S192; scripts/data.sh diabetes makes the table."""
    for seed in SEEDS:
        folder = os.path.join(lab.folder, f"diabetes-{seed}")
        lab.call("train", os.path.join(ROOT, "recipes/tabular_diabetes.toml"), f"run={folder}", f"seed={seed}",
                 f"data.path={ROOT}/data/cache/diabetes/diabetes.csv")
        score = json.loads(lab.call("eval", folder, "--json"))
        yield f"recipe tabular_diabetes, seed {seed}: rmse at most 58, mae at most 48", \
            f"{score['rmse']:.1f}, {score['mae']:.1f}", score["rmse"] <= 58 and score["mae"] <= 48


@row("S193")
def without_labels(lab):
    """An autoencoder of D8 as a table, with a column of labels that is left out and without one."""
    heads = [f"p{i}" for i in range(64)]
    runs = {}
    for name in ("with", "without"):
        folder = os.path.join(lab.folder, f"digits-{name}")
        os.makedirs(folder)
        for part, samples in (("train", lab.train_part), ("test", lab.test_part)):
            with open(f"{folder}/{part}.csv", "w", encoding="utf-8") as stream:
                stream.write(",".join(heads + ["digit"] * (name == "with")) + "\n")
                for inputs, label in samples:
                    stream.write(",".join(map(str, inputs + [label] * (name == "with"))) + "\n")
        runs[name] = os.path.join(lab.folder, f"autoencoder-{name}")
        target = "digit" if name == "with" else ""
        lab.call("train", os.path.join(ROOT, "recipes/digits_autoencoder.toml"), f"run={runs[name]}", "threads=1",
                 f"data.path={folder}", "data.test=0", f"data.target={target}", "epochs=30")
    score = json.loads(lab.call("eval", runs["without"], "--json"))
    # A linear code of 8 numbers (principal components) leaves 0.0246 of D8's test.
    yield "trains on a file without labels: 8 numbers stand for 64, mse at most 0.024", \
        f"{score['mse']:.4f}", score["mse"] <= 0.024
    weights = [open(os.path.join(run, "final.safetensors"), "rb").read() for run in runs.values()]
    yield "the same weights with a column of labels", str(weights[0] == weights[1]), weights[0] == weights[1]
