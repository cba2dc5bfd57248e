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
