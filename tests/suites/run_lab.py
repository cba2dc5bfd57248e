# SPDX-License-Identifier: Apache-2.0
"""Small runs of the program `gradus train` and what they leave, for suites that disturb them."""

import glob
import json
import os
import random
import re
import shutil
import struct
import subprocess

FINISHED, REFUSED, STOPPED = 0, 5, 10  # exit codes, docs/exit_codes.md

MLP = """
batch = 30
accumulate = 3
validate_every = 7
[model]
name = "mlp"
hidden = [{width}]
dropout = 0.3
"""
CNN = """
batch = 24
accumulate = 3
validate_every = 5
[optimizer]
name = "nesterov"
[model]
name = "cnn"
channels = [8, 16]
hidden = [32]
dropout = 0.2
"""
LSTM = """
batch = 12
accumulate = 3
clip = 1.0
[model]
name = "lstm"
layers = 1
width = 32
cells = 64
dropout = 0.2
"""
GPT = """
batch = 12
accumulate = 3
clip = 1.0
[schedule]
name = "cosine"
warmup = 4
[model]
name = "gpt"
layers = 2
heads = 2
width = 64
dropout = 0.1
"""
IMAGES = """
[data]
format = "idx"
classes = 4
validation_samples = 50
path = "{data}"
"""
TEXT = """
[data]
format = "text"
length = 24
path = "{data}"
"""


class Lab:
    """A folder with data, recipes and runs."""

    def __init__(self, folder, program, seed):
        self.folder, self.program = folder, program
        self.random = random.Random(seed)
        self._write_images("train", 297)  # no multiple of a batch
        self._write_images("t10k", 40)
        text = "".join(self.random.choice("abcde \n") for _ in range(6000)).encode()
        for name in ("train.txt", "val.txt"):
            self._write(name, text)

    def _write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as stream:
            stream.write(data)

    def _write_images(self, name, count):
        labels = bytes(self.random.randrange(4) for _ in range(count))
        pixels = bytes(
            self.random.randrange(120) + 100 * (p // 50 == label)
            for label in labels
            for p in range(144)
        )
        head = struct.pack(">IIII", 0x803, count, 12, 12)
        self._write(name + "-images-idx3-ubyte", head + pixels)
        self._write(name + "-labels-idx1-ubyte", struct.pack(">II", 0x801, count) + labels)

    def recipe(self, name, text):
        self._write(name + ".toml", text.replace("{data}", self.folder).encode())
        return os.path.join(self.folder, name + ".toml")

    def run_folder_path(self, name):
        return os.path.join(self.folder, "run-" + name)

    def run_folder(self, name):
        path = self.run_folder_path(name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def command(self, recipe, run, settings=()):
        return [self.program, "train", recipe, "run=" + run, *settings]

    def start(self, recipe, run, settings=(), environment=None):
        return subprocess.Popen(
            self.command(recipe, run, settings),
            env=dict(os.environ, OMP_NUM_THREADS="1", **(environment or {})),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, recipe, run, settings=(), environment=None):
        """Exit code (negative: the signal) and stderr."""
        process = self.start(recipe, run, settings, environment)
        errors = process.communicate(timeout=600)[1]
        return process.returncode, errors


def remains(run):
    """What must not depend on what happened to a run."""
    found = []
    for name in ("final.safetensors", "metrics.jsonl"):
        with open(os.path.join(run, name), "rb") as stream:
            found.append(stream.read())
    return found


def checkpoints(run):
    """(step, micro-step) of each folder that is called a checkpoint, oldest first."""
    found = []
    for path in glob.glob(os.path.join(run, "checkpoints", "step-*")):
        step, micro = re.fullmatch(r"step-(\d+)(?:-micro-(\d+))?", os.path.basename(path)).groups()
        found.append((int(step), int(micro or 0)))
    return sorted(found)


def newest_progress(run):
    """What the newest checkpoint of a run says of its loop."""
    name = "step-%08d" % checkpoints(run)[-1][0]
    with open(os.path.join(run, "checkpoints", name, "progress.json"), encoding="utf-8") as stream:
        return json.load(stream)


def resumed_from(errors):
    """(step, micro-step) that a process says it goes on from; None: from the first step."""
    match = re.search(r"going on from .*/step-(\d+)(?:-micro-(\d+))?$", errors, re.MULTILINE)
    return (int(match[1]), int(match[2] or 0)) if match else None
