# SPDX-License-Identifier: Apache-2.0
"""What the claims of rows.py are checked with: D8, recipes, runs and what these leave."""

import csv
import json
import math
import os
import random
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROWS = {}  # name: (quick, function)
SEEDS = (1, 2, 3)


def row(name, quick=True):
    def add(function):
        ROWS[name] = (quick, function)
        return function

    return add


def write_npy(path, kind, shape, values):
    """`kind` f4, f8 or i8; version 1.0 of NumPy's format."""
    sizes = "(" + ", ".join(map(str, shape)) + ",)"
    head = f"{{'descr': '<{kind}', 'fortran_order': False, 'shape': {sizes}, }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    letter = {"f4": "f", "f8": "d", "i8": "q"}[kind]
    with open(path, "wb") as stream:
        stream.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        stream.write(struct.pack(f"<{len(values)}{letter}", *values))


def read_safetensors(path):
    """{name: (shape, values)} of the tensors in f32 and f64."""
    with open(path, "rb") as stream:
        head = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        data = stream.read()
    found = {}
    for name, tensor in head.items():
        letter = {"F32": "f", "F64": "d"}.get(tensor.get("dtype"))
        if letter:
            begin, end = tensor["data_offsets"]
            count = math.prod(tensor["shape"])
            found[name] = (tensor["shape"], struct.unpack(f"<{count}{letter}", data[begin:end]))
    return found


class Run:
    """A run folder of the program."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder

    def lines(self):
        with open(os.path.join(self.folder, "metrics.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def losses(self):
        return [line["loss"] for line in self.lines() if "loss" in line and "split" not in line]

    def accuracy(self):
        return json.loads(self.lab.call("eval", self.folder, "--json"))["accuracy"]

    def weights(self):
        return read_safetensors(os.path.join(self.folder, "final.safetensors"))


class Lab:
    """A folder with D8, recipes and runs."""

    def __init__(self, folder, program):
        self.folder, self.program, self.runs, self.noisy_folders = folder, program, 0, {}
        with open(os.path.join(ROOT, "data/cache/digits/digits.csv"), encoding="utf-8") as stream:
            rows = list(csv.reader(stream))[1:]
        digits = [([int(v) / 16 for v in cells[:64]], int(cells[64])) for cells in rows]
        self.train_part = [digit for i, digit in enumerate(digits) if i % 5 != 0]
        self.test_part = [digit for i, digit in enumerate(digits) if i % 5 == 0]
        self.d8 = self.arrays("d8", self.train_part)

    def arrays(self, name, training, test=None, kind="f4", target="i8"):
        """A folder of arrays of (inputs, target) pairs, a target one or a tuple; the test is D8's where none is
        given."""
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        for part, samples in (("train", training), ("test", test or self.test_part)):
            width = len(samples[0][0])
            values = [value for inputs, _ in samples for value in inputs]
            write_npy(f"{folder}/x_{part}.npy", kind, (len(samples), width), values)
            several = isinstance(samples[0][1], tuple)
            targets = [y for _, ys in samples for y in (ys if several else (ys,))]
            shape = (len(samples), len(samples[0][1])) if several else (len(samples),)
            write_npy(f"{folder}/y_{part}.npy", target, shape, targets)
        return folder

    def noisy(self, seed):
        """300 samples of which 40 % have a label drawn anew, and D8's test."""
        if seed not in self.noisy_folders:
            draw = random.Random(seed)
            chosen = draw.sample(self.train_part, 300)
            wrong = [(inputs, draw.randrange(10) if draw.random() < 0.4 else label) for inputs, label in chosen]
            self.noisy_folders[seed] = self.arrays(f"noisy-{seed}", wrong)
        return self.noisy_folders[seed]

    def call(self, *words, code=0, stderr=False):
        """What the program prints; ends the suite where the exit code is another."""
        result = subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
        if code is not None and result.returncode != code:
            sys.exit(f"rows: {' '.join(words)}: exit code {result.returncode}\n{result.stderr}")
        return result.stderr if stderr else result.stdout

    def recipe(self, data):
        path = os.path.join(self.folder, os.path.basename(data) + ".toml")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f'threads = 1\n[data]\nformat = "npy"\npath = "{data}"\n')
            stream.write('[model]\nname = "mlp"\nhidden = [64]\n')
        return path

    def train(self, *settings, data=None, code=0):
        self.runs += 1
        folder = os.path.join(self.folder, f"run-{self.runs}")
        recipe = self.recipe(data or self.d8)
        self.call("train", recipe, "run=" + folder, "checkpoint.every=-1", *settings, code=code)
        return Run(self, folder)

    def accuracy(self, *settings, data=None):
        return self.train(*settings, data=data).accuracy()
