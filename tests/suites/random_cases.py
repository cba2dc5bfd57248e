#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random cases of every op against PyTorch: shapes, attributes, dtypes, values, and what must be refused.

As opinfo.py, which has the rules of comparison; equal seeds draw equal cases. Dtypes that an op does not claim are
tried too, a few times. A row gives the cases compared, those that PyTorch refuses, and our largest errors over
PyTorch's (geometric mean). Beside values it reports
  refused    PyTorch computes it, the program says no
  stricter   the same, of a case that was made wrong or of a dtype that the op does not claim
  accepted   PyTorch refuses it, in f64 too, the program computes it
  crashed    the program ended by a signal or took more than a minute

    random_cases.py --program build/release/gradus --seed 1 --count 40 [OP ...]
"""

import argparse
import collections
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import opinfo
import random_elementwise  # noqa: F401: registers its cases
import random_layers  # noqa: F401
import random_movement  # noqa: F401
import random_sequences  # noqa: F401
from random_draw import CASES, HOSTILE, Draw, number
from torch_cases import Case, DTYPES, NAMES

BATCH = 200
SECONDS = 60
MEMORY = 12 << 30
# PyTorch has no kernel, which says nothing about the op.
NO_KERNEL = ("not implemented for", "not supported for", "no kernel", "does not support", "Could not run")
REFUSALS = (RuntimeError, NotImplementedError, IndexError, ValueError, TypeError, OverflowError, AssertionError)


def json_ready(attrs):
    return {key: [number(v) for v in value] if isinstance(value, list) else number(value)
            for key, value in attrs.items()}


def mutate(d, op, inputs, attrs):
    """Changes an attribute or a tensor's shape or dtype to what is probably wrong."""
    attrs, inputs = dict(attrs), list(inputs)
    specs = [s for s in op["attributes"] if s["name"] not in ("rng_path", "channels_last") and s["type"] in HOSTILE]
    if specs and d.chance(0.6):
        spec = d.random.choice(specs)
        attrs[spec["name"]] = d.random.choice(HOSTILE[spec["type"]])
        return inputs, attrs
    places = [i for i, x in enumerate(inputs) if x is not None]
    if not places:
        return inputs, attrs
    place = d.random.choice(places)
    x = inputs[place]
    kind = d.integer(0, 4)
    if kind == 0:
        inputs[place] = x.unsqueeze(d.integer(0, x.dim()))
    elif kind == 1 and x.dim():
        inputs[place] = x.select(d.integer(0, x.dim() - 1), 0) if x.numel() else x.flatten()
    elif kind == 2 and x.dim():
        inputs[place] = torch.cat([x, x], d.integer(0, x.dim() - 1))
    elif kind == 3:
        inputs[place] = x[:0] if x.dim() else x.reshape(1)
    else:
        inputs[place] = x.to(d.random.choice(list(DTYPES.values())))
    return inputs, attrs


class Trial:
    """A drawn case and what PyTorch says to it."""

    def __init__(self, op, dtype, seed, hostile, claimed=True):
        d = Draw(f"{op['name']} {dtype} {seed}", DTYPES[dtype])
        inputs, attrs, reference = CASES[op["name"]](d, op["name"])
        mutated = d.chance(hostile)
        self.hostile = mutated or not claimed
        if mutated:
            inputs, attrs = mutate(d, op, inputs, attrs)
        self.op, self.name, self.refusal, self.prepared = op, f"{op['name']}.{dtype}.{seed}", None, None
        self.case = Case(op["name"], json_ready(attrs), inputs, lambda t: reference(t, attrs), gradient=d.gradient)
        try:
            self.prepared = opinfo.Prepared(op, self.case, self.name, seed % 3 == 2)
        except REFUSALS as error:
            self.refusal = self.confirmed(error)
        except (KeyError, AttributeError, ZeroDivisionError):  # the reference itself cannot ask PyTorch
            pass

    def confirmed(self, error):
        """PyTorch's words where it refuses in f64 too, so that it is no missing kernel."""
        text = str(error).split("\n")[0][:160]
        if any(words in text for words in NO_KERNEL):
            return None
        try:
            opinfo.evaluate(self.op, self.case, [opinfo.widen(x) for x in self.case.inputs], [], False)
        except REFUSALS as second:
            text = str(second).split("\n")[0][:160]
            return None if any(words in text for words in NO_KERNEL) else f"{type(second).__name__}: {text}"
        return None

    def tensors(self):
        if self.prepared:
            return self.prepared.tensors()
        return {f"{self.name}/{i}": x.contiguous().clone() for i, x in enumerate(self.case.inputs) if x is not None}

    def header(self):
        if self.prepared:
            return self.prepared.header()
        return {"name": self.name, "op": self.op["name"], "attrs": self.case.attrs, "grad": False}

    def text(self):
        shapes = [None if x is None else NAMES[x.dtype] + str(list(x.shape)) for x in self.case.inputs]
        return f"{self.name} {self.case.attrs} {' '.join(map(str, shapes))}"

    def findings(self, results, errors):
        if self.name in errors:
            kind = "stricter" if self.hostile else "refused"
            return [(kind, f"{self.text()}: {errors[self.name]}")] if self.prepared else []
        if not self.prepared:
            return [("accepted", f"{self.text()}: {self.refusal}")]
        return [("value", f"{self.text()} {name}: {what}") for name, what in self.differences(results)]

    def differences(self, results):
        for name, truth, own in self.prepared.expectations():
            got = results.get(f"{self.name}/{name}")
            what = opinfo.difference(got, truth, own)
            # What overflows or turns to NaN in the dtype itself may do as PyTorch does in it.
            if what and own is not None and opinfo.difference(got, own.double() if own.is_floating_point() else own, own):
                yield name, what


    def ratios(self, results):
        """Our largest error over PyTorch's, of every floating result of which both make one."""
        for name, truth, own in self.prepared.expectations() if self.prepared else ():
            got = results.get(f"{self.name}/{name}")
            if got is None or own is None or not own.is_floating_point() or got.shape != truth.shape:
                continue
            errors = [(x.double() - truth).abs() for x in (got, own)]
            if truth.numel() > 7 and all(e.isfinite().all() and e.max() > 0 for e in errors):
                yield (errors[0].max() / errors[1].max()).item()


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(program, trials):
    """Results and errors, and those that end the program."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, output = os.path.join(folder, "in"), os.path.join(folder, "out")
        tensors = {}
        for trial in trials:
            tensors.update(trial.tensors())
        save_file(tensors, inputs, {"cases": json.dumps([trial.header() for trial in trials])})
        try:
            done = subprocess.run([program, "op", "run-many", "--inputs", inputs, "--output", output],
                                  stderr=subprocess.PIPE, timeout=SECONDS, preexec_fn=limit)
            code, said = done.returncode, done.stderr.decode()[-300:]
        except subprocess.TimeoutExpired:
            code, said = "timeout", ""
        if code == 0:
            with safe_open(output, "pt") as stream:
                errors = json.loads(stream.metadata()["errors"])
            try:
                return load_file(output), errors, []
            except RuntimeError as error:  # a shape that PyTorch cannot have
                code, said = "unreadable", str(error)
    if len(trials) == 1:
        return {}, {}, [("crashed", f"{trials[0].text()}: exit {code} {said}")]
    half = len(trials) // 2
    first, second = run(program, trials[:half]), run(program, trials[half:])
    return {**first[0], **second[0]}, {**first[1], **second[1]}, first[2] + second[2]


def check_op(program, op, arguments):
    """(kind, text) of all that is found for one op."""
    found, trials, ratios = [], [], []
    for dtype in DTYPES if op["inputs"] else ["f32"]:
        claimed = dtype in op["dtypes"] or not set(op["dtypes"]) & {"f32"}
        count = arguments.count if dtype in ("f64", "f32", "bf16") else max(1, arguments.count // (2 if claimed else 6))
        if arguments.dtype and dtype not in arguments.dtype:
            continue
        for seed in range(arguments.seed * 100000, arguments.seed * 100000 + count):
            try:
                trial = Trial(op, dtype, seed, arguments.hostile, claimed)
            except REFUSALS:  # what is drawn cannot be made in this dtype
                assert not claimed
                continue
            if trial.prepared or trial.refusal:
                trials.append(trial)
    compared = sum(bool(t.prepared) for t in trials)
    for start in range(0, len(trials), BATCH):
        batch = trials[start:start + BATCH]
        results, errors, crashed = run(program, batch)
        ended = {text.split(" ")[0] for _, text in crashed}
        found += crashed
        for trial in batch:
            if trial.name not in ended:
                found += trial.findings(results, errors)
            if trial.name not in errors:
                ratios += trial.ratios(results)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
    return compared, len(trials) - compared, mean, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ops", nargs="*", help="only these")
    parser.add_argument("--program", default="build/release/gradus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30, help="cases of an op in f64, f32 and bf16 each; half in others")
    parser.add_argument("--hostile", type=float, default=0.2, help="share of cases that are made wrong")
    parser.add_argument("--dtype", action="append", help="only these")
    parser.add_argument("--shown", type=int, default=3, help="findings of a kind shown of an op")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY, 2 * MEMORY))
    listed = subprocess.run([arguments.program, "op", "list", "--json"], stdout=subprocess.PIPE, check=True)
    ops = [op for op in json.loads(listed.stdout) if op["name"] in (arguments.ops or CASES) and op["name"] in CASES]
    totals = collections.Counter()
    for op in ops:
        compared, refusals, ratio, found = check_op(arguments.program, op, arguments)
        totals.update(compared=compared, refusals=refusals)
        totals.update(kind for kind, _ in found)
        kinds = collections.Counter(kind for kind, _ in found)
        print(f"{op['name']:34}{compared:6}{refusals:6}{ratio:7.2f}  {dict(kinds) or ''}", flush=True)
        for kind in kinds:
            for text in [t for k, t in found if k == kind][:arguments.shown]:
                print(f"    {kind}: {text}")
    print(dict(totals))
    sys.exit(1 if totals["value"] or totals["refused"] or totals["crashed"] else 0)


if __name__ == "__main__":
    main()
