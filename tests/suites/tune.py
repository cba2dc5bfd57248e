#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches with the program from outside on D8 (tests/suites/rows.py):

- the median rule saves at least 30 % of the epochs and finds the same best trial (three seeds);
- searches of one, two workers and two commands on one folder, whose processes are killed at random
  moments, end with the same trials, each trained once, as one that nobody disturbed;
- accuracy does not fall by a point with 50, 200, 800 and all samples.

    tests/suites/tune.py --program build/release/gradus [--kills 20]

Prints a table; exits 1 where a claim fails, 77 where the digits cannot be had."""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import rows

RECIPE = """threads = 1
epochs = {epochs}
batch = 32
checkpoint.every = {every}
[data]
format = "npy"
path = "{data}"
validation = 0.2
[model]
hidden = [32]
"""
SPACE = """lr = {min = 1e-5, max = 0.3, scale = "log"}
[optimizer]
name = ["adam", "sgd", "momentum"]
[model]
dropout = {min = 0.0, max = 0.6}
"""


class Lab(rows.Lab):
    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def training_digits(self):
        """D8's training samples, of which a recipe takes its validation."""
        folder = os.path.join(self.folder, "digits")
        if not os.path.isdir(folder):
            os.makedirs(folder)
            count, width = len(self.train_part), len(self.train_part[0][0])
            values = [value for inputs, _ in self.train_part for value in inputs]
            rows.write_npy(f"{folder}/x.npy", "f4", (count, width), values)
            rows.write_npy(f"{folder}/y.npy", "i8", (count,), [y for _, y in self.train_part])
        return folder

    def recipe_of(self, epochs, every=-1):
        text = RECIPE.format(epochs=epochs, every=every, data=self.training_digits())
        return self.file(f"recipe-{epochs}-{every}.toml", text)

    def tune(self, name, *options):
        """The command of a search in a folder of that name."""
        space = self.file("space.toml", SPACE)
        folder = os.path.join(self.folder, name)
        return [self.program, "tune", *options, "--space", space, "--run", folder, "--json"]


def finish(command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"tune: {' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def pruning(lab, seeds, trials):
    recipe = lab.recipe_of(15)
    for seed in seeds:
        options = [recipe, "--trials", str(trials), "--seed", str(seed), "--metric", "accuracy"]
        whole = finish(lab.tune(f"whole-{seed}", *options))
        pruned = finish(lab.tune(f"pruned-{seed}", *options, "--prune", "median"))
        epochs = [sum(len(t["validations"]) for t in report["trials"]) for report in (whole, pruned)]
        saved = 1 - epochs[1] / epochs[0]
        measured = (
            f"{epochs[0]} epochs and {epochs[1]}: {100 * saved:.0f} % fewer; best trial "
            f"{whole['best']} and {pruned['best']}, accuracy {whole['trials'][0]['value']:.3f}"
        )
        yield f"{trials} random trials, seed {seed}: --prune median", measured, (
            saved >= 0.3 and whole["best"] == pruned["best"]
        )


def lines(folder):
    with open(os.path.join(folder, "trials.jsonl"), encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def results(folder):
    """What must not depend on kills and workers: trial -> settings, end, weights."""
    found = {}
    for line in lines(folder):
        found.setdefault(line["trial"], {}).update(line)
    for number, trial in found.items():
        path = os.path.join(folder, f"trial-{number:04}", "final.safetensors")
        with open(path, "rb") as stream:
            trial["weights"] = stream.read()
    return found


def begun_and_ended(folder):
    """How often each trial begins and ends in the store."""
    counts = {}
    for line in lines(folder):
        counts.setdefault((line["trial"], line["state"]), []).append(line)
    return {key: len(value) for key, value in counts.items()}


def disturbed(lab, name, options, commands, kills, draw):
    """Starts the commands again and again, killing them at random moments, then lets them end."""
    folder = os.path.join(lab.folder, name)
    done = 0
    while done < kills:
        running = [
            subprocess.Popen(lab.tune(name, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(commands)
        ]
        time.sleep(draw.uniform(0.05, 0.5))
        for process in running:
            process.send_signal(draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        codes = [process.wait() for process in running]
        done += sum(code != 0 for code in codes)
        if all(code == 0 for code in codes):
            break
    for _ in range(200):  # workers of a process that was killed stop by themselves
        result = subprocess.run(lab.tune(name, *options), capture_output=True, text=True, check=False)
        report = json.loads(result.stdout) if result.stdout else {"trials": []}
        if all(t["state"] == "finished" for t in report["trials"]) and result.returncode == 0:
            return folder, done
        time.sleep(0.05)
    sys.exit(f"tune: {name} does not end: {result.stderr}")


def kills(lab, count):
    options = [lab.recipe_of(12, 20), "--trials", "12", "--seed", "4"]
    finish(lab.tune("calm", *options))
    calm = results(os.path.join(lab.folder, "calm"))
    draw = random.Random(7)
    forms = {"one worker": (1, 1), "two workers": (2, 1), "two commands": (1, 2)}
    for name, (workers, commands) in forms.items():
        words = [*options, "--workers", str(workers)]
        folder, done = disturbed(lab, name.replace(" ", "-"), words, commands, count, draw)
        same = results(folder) == calm
        once = set(begun_and_ended(folder).values()) == {1}
        measured = f"{done} kills and stops: {'the same' if same else 'other'} trials, " + (
            "each once" if once else "some twice"
        )
        yield f"a search of 12 trials by {name}, killed at random moments", measured, same and once


def learning_curve(lab):
    recipe = lab.file(
        "curve.toml",
        f'threads = 1\nsteps = 1500\nbatch = 32\n[data]\nformat = "npy"\npath = "{lab.d8}"\n'
        '[model]\nhidden = [64]\n[optimizer]\nname = "adam"\n',
    )
    folder = os.path.join(lab.folder, "curve")
    lab.call("learning-curve", recipe, "--sizes", "50,200,800,all", "--run", folder)
    with open(os.path.join(folder, "learning_curve.csv"), encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    reached = {int(row["samples"]): float(row["test_accuracy"]) for row in table}
    values = [reached[samples] for samples in sorted(reached)]
    with open(os.path.join(folder, "learning_curve.svg"), encoding="utf-8") as stream:
        drawn = stream.read().startswith("<svg")
    measured = ", ".join(f"{samples}: {value:.3f}" for samples, value in reached.items())
    yield "learning-curve: accuracy does not fall by a point with more samples", measured, (
        sorted(reached) == [50, 200, 800, 1437]
        and all(b >= a - 0.01 for a, b in zip(values, values[1:]))
        and drawn
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(rows.ROOT, "build", "release", "gradus"))
    parser.add_argument("--kills", type=int, default=20, help="of each of three forms")
    parser.add_argument("--seeds", type=int, default=3, help="of the searches with the median rule")
    parser.add_argument("--trials", type=int, default=30, help="of each of those")
    parser.add_argument("--shim", help=argparse.SUPPRESS)  # what all suites are given
    arguments = parser.parse_args()
    if not os.path.exists(os.path.join(rows.ROOT, "data/cache/digits/digits.csv")):
        print("tune: no digits; scripts/data.sh digits makes them", file=sys.stderr)
        sys.exit(rows.NO_DATA)
    os.environ["OMP_NUM_THREADS"] = "1"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder, os.path.abspath(arguments.program))
        print("| claim | measured | |\n| --- | --- | --- |")
        for part in (
            pruning(lab, range(1, arguments.seeds + 1), arguments.trials),
            kills(lab, arguments.kills),
            learning_curve(lab),
        ):
            for claim, measured, holds in part:
                failed += not holds
                print(f"| {claim} | {measured} | {'holds' if holds else 'FAILS'} |", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
