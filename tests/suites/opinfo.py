#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every op of the program against PyTorch: OpInfo's samples, and cases of our own where it has none.

Forward and backward, in f64, f32 and bf16 (and i64 and bool where an op takes them), through
`gradus op run-many`. The truth is PyTorch in f64 on the same rounded inputs. A value passes within
assert_close's default tolerance of its dtype, or within twice the largest error that PyTorch itself
makes in that dtype, whichever is larger. Prints one row per op; exits with 1 if a case fails.

    opinfo.py --program build/release/gradus [OP ...]
    opinfo.py --program build/release/gradus --store tests/vectors/ops.safetensors
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import own_cases
import torch_cases
from torch_cases import DTYPES

MOST = 150  # cases of an op in a dtype: max_pool has over a thousand
FLOATS = ("f64", "f32", "bf16")
EXACT = ("i64", "bool")
# (rtol, atol) of torch.testing.assert_close.
DEFAULTS = {torch.float64: (1e-7, 1e-7), torch.float32: (1.3e-6, 1e-5),
            torch.bfloat16: (1.6e-2, 1e-5), torch.float16: (1e-3, 1e-5)}


def widen(tensor):
    return tensor.double() if tensor is not None and tensor.is_floating_point() else tensor


def as_list(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [item for item in outputs if isinstance(item, torch.Tensor)]


def differentiable(op, position):
    spec = op["inputs"][min(position, len(op["inputs"]) - 1)]
    return spec["differentiable"]


def evaluate(op, case, inputs, seeds, want_gradient):
    """PyTorch's outputs and gradients by our input positions."""
    tensors = [None if x is None else x.clone() for x in inputs]
    leaves = [i for i, x in enumerate(tensors)
              if want_gradient and x is not None and x.is_floating_point() and differentiable(op, i)]
    for i in leaves:
        tensors[i].requires_grad_(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = as_list(case.reference(tensors))
    if not want_gradient:
        return outputs, {}
    roots = [(k, y) for k, y in enumerate(outputs) if y.requires_grad]
    if not roots:
        return [y.detach() for y in outputs], None
    grads = torch.autograd.grad([y for _, y in roots], [tensors[i] for i in leaves],
                                [seeds[k].to(y.dtype) for k, y in roots], allow_unused=True)
    grads = [g.to_dense() if g is not None and g.layout != torch.strided else g for g in grads]
    zeros = [g if g is not None else torch.zeros_like(tensors[i]) for i, g in zip(leaves, grads)]
    return [y.detach() for y in outputs], dict(zip(leaves, zeros))


class Prepared:
    """A case with its truth and PyTorch's own result."""

    def __init__(self, op, case, name):
        self.op, self.case, self.name = op, case, name
        floating = any(x is not None and x.is_floating_point() for x in case.inputs)
        self.gradient = floating and op["gradient"] == "yes"
        plain, _ = evaluate(op, case, case.inputs, [], False)
        generator = torch.Generator().manual_seed(11)
        self.seeds = [(torch.rand(y.shape, generator=generator, dtype=torch.float64) * 2 - 1).to(y.dtype)
                      if y.is_floating_point() else None for y in plain]
        wide = [widen(x) for x in case.inputs]
        self.outputs, self.grads = evaluate(op, case, wide, self.seeds, self.gradient)
        if self.grads is None:
            self.gradient, self.grads = False, {}
        try:
            self.own_outputs, self.own_grads = evaluate(op, case, case.inputs, self.seeds, self.gradient)
        except RuntimeError:  # no kernel for this dtype: its own error is unknown
            self.own_outputs, self.own_grads = plain, {}

    def tensors(self):
        named = {f"{self.name}/{i}": x for i, x in enumerate(self.case.inputs) if x is not None}
        if self.gradient:
            for k, seed in enumerate(self.seeds):
                if seed is not None:
                    named[f"{self.name}/grad_output.{k}"] = seed
        return {key: value.contiguous().clone() for key, value in named.items()}

    def header(self):
        return {"name": self.name, "op": self.op["name"], "attrs": self.case.attrs, "grad": self.gradient}

    def expectations(self):
        """(name, truth, PyTorch's own or None)"""
        for k, truth in enumerate(self.outputs):
            yield str(k), truth, self.own_outputs[k] if k < len(self.own_outputs) else None
        for i, truth in (self.grads or {}).items():
            yield f"grad.{i}", truth, (self.own_grads or {}).get(i)


def allowed_error(truth, own, dtype):
    rtol, atol = DEFAULTS[dtype]
    allowed = atol + rtol * truth.abs()
    if own is not None and own.is_floating_point() and own.shape == truth.shape and own.numel():
        error = (own.double() - truth).abs()
        error = error[torch.isfinite(error)]
        if error.numel():
            allowed = torch.clamp(allowed, min=2 * error.max().item())
    return allowed


def difference(got, truth, own):
    """None where they agree, else what differs."""
    if got is None:
        return "missing"
    if got.shape != truth.shape:
        return f"shape {tuple(got.shape)}, expected {tuple(truth.shape)}"
    if not got.is_floating_point() or not truth.is_floating_point():
        if own is not None and got.dtype != own.dtype:
            return f"dtype {got.dtype}, expected {own.dtype}"
        wrong = got.double() != truth.double()
    else:
        if own is not None and got.dtype != own.dtype:
            return f"dtype {got.dtype}, expected {own.dtype}"
        wide = got.double()
        stored = truth.to(got.dtype).double()  # overflow as the dtype has it
        same = (wide == stored) | (wide.isnan() & stored.isnan())
        wrong = ~same & ~((wide - truth).abs() <= allowed_error(truth, own, got.dtype))
    if not wrong.any():
        return None
    at = tuple(wrong.nonzero()[0].tolist())
    return (f"{int(wrong.sum())} of {wrong.numel()} differ, first at {at}: expected {truth[at].item():.9g}, "
            f"got {got[at].item():.9g}")


def run_program(program, prepared):
    """Results by name, and errors by case."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, output = os.path.join(folder, "in"), os.path.join(folder, "out")
        tensors = {}
        for item in prepared:
            tensors.update(item.tensors())
        save_file(tensors, inputs, {"cases": json.dumps([item.header() for item in prepared])})
        subprocess.run([program, "op", "run-many", "--inputs", inputs, "--output", output], check=True)
        with safe_open(output, "pt") as stream:
            errors = json.loads(stream.metadata()["errors"])
        return load_file(output), errors


def problems_of(item, results, errors):
    if item.name in errors:
        if torch_cases.refusal(item.op["name"], errors[item.name]):
            return []
        return [f"{item.case.text} {item.case.attrs}: {errors[item.name]}"]
    found = []
    for name, truth, own in item.expectations():
        got = results.get(f"{item.name}/{name}")
        what = difference(got, truth, own)
        if what:
            shapes = [None if x is None else tuple(x.shape) for x in item.case.inputs]
            found.append(f"{item.case.text} {item.case.attrs} {shapes} {name}: {what}")
    return found


def claimed_cases(op, dtype):
    """Cases of a dtype that the op takes, and why samples are left out."""
    by_index = not set(op["dtypes"]) & set(FLOATS) and dtype in FLOATS  # the first input is an index
    claimed = dtype in op["dtypes"] or not op["inputs"] or by_index
    cases, left_out = torch_cases.cases_of(op, dtype) if claimed else ([], {})
    return cases + own_cases.cases_of(op["name"], DTYPES[dtype]), collections.Counter(left_out)


def spread(cases, most):
    """At most so many, evenly chosen."""
    return cases[:: max(1, -(-len(cases) // most))]


def prepare(op, dtype, cases, reasons):
    """The cases that PyTorch itself can run."""
    prepared = []
    for index, case in enumerate(cases):
        try:
            prepared.append(Prepared(op, case, f"{op['name']}.{dtype}.{index}"))
        except (RuntimeError, NotImplementedError, IndexError, ValueError, TypeError) as error:
            reasons["PyTorch: " + str(error).split("\n")[0][:60]] += 1
    return prepared


def check_op(program, op, verbose):
    """A row of the table and the problems."""
    row, problems, reasons = {}, [], collections.Counter()
    for dtype in FLOATS + EXACT:
        cases, why = claimed_cases(op, dtype)
        chosen = spread(cases, MOST)
        why["more cases than are run"] += len(cases) - len(chosen)
        reasons += why
        prepared = prepare(op, dtype, chosen, reasons)
        if not prepared:
            continue
        results, errors = run_program(program, prepared)
        bad = [text for item in prepared for text in problems_of(item, results, errors)]
        row[dtype] = f"{len(prepared)}" + (f" ({len(bad)} bad)" if bad else "")
        problems += [f"{dtype}: {text}" for text in bad]
    print(f"{op['name']:34}" + "".join(f"{row.get(d, '-'):>14}" for d in FLOATS + EXACT), flush=True)
    if verbose:
        for reason, count in reasons.most_common():
            print(f"    left out {count}: {reason}")
    for text in problems[: None if verbose else 3]:
        print("    " + text)
    return bool(row), problems


STORED = {"f64": 5, "f32": 2, "bf16": 2, "i64": 1, "bool": 1}  # cases of an op


def stored_cases(op):
    """Few and small, spread over the samples: for CI, which has no PyTorch."""
    for dtype in FLOATS + EXACT:
        cases, reasons = claimed_cases(op, dtype)
        small = [c for c in cases if sum(x.numel() for x in c.inputs if x is not None) <= 120]
        yield from prepare(op, dtype, spread(small, STORED[dtype]), reasons)


def slack(truth, own, dtype):
    """What twice PyTorch's own error allows, an absolute error; 0 where the default tolerance is wider."""
    rtol, atol = DEFAULTS[dtype]
    extra = allowed_error(truth, own, dtype)
    wider = extra > atol + rtol * truth.abs()
    return extra[wider].max() if wider.any() else torch.zeros((), dtype=torch.float64)


def store(program, ops, path):
    """Only cases that pass are stored; those that do not are named, to be mended."""
    tensors, headers, failing = {}, [], []
    for op in ops:
        chosen = list(stored_cases(op))
        if not chosen:
            continue
        results, errors = run_program(program, chosen)
        for item in chosen:
            problems = problems_of(item, results, errors)
            failing += problems
            if problems or item.name in errors:
                continue
            headers.append(item.header())
            tensors.update(item.tensors())
            for name, truth, own in item.expectations():
                got = results[f"{item.name}/{name}"]
                tensors[f"{item.name}/expected.{name}"] = truth.contiguous().clone()
                if got.is_floating_point() and truth.numel():
                    tensors[f"{item.name}/slack.{name}"] = slack(truth, own, got.dtype).double().clone()
    save_file(tensors, path, {"cases": json.dumps(headers, separators=(",", ":"))})
    print("\n".join(failing))
    print(f"{len(headers)} cases stored, {len(failing)} problems, {os.path.getsize(path)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ops", nargs="*", help="only these")
    parser.add_argument("--program", default="build/release/gradus")
    parser.add_argument("--store", help="write the subset that CI replays")
    parser.add_argument("--verbose", action="store_true", help="all failures, and why samples are left out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    listed = subprocess.run([arguments.program, "op", "list", "--json"], stdout=subprocess.PIPE, check=True)
    ops = [op for op in json.loads(listed.stdout) if not arguments.ops or op["name"] in arguments.ops]
    if not ops:
        sys.exit("no such op")
    if arguments.store:
        return store(arguments.program, ops, arguments.store)
    print(f"{'op':34}" + "".join(f"{d:>14}" for d in FLOATS + EXACT))
    uncovered, failed, count = [], [], 0
    for op in ops:
        covered, problems = check_op(arguments.program, op, arguments.verbose)
        count += len(problems)
        if problems:
            failed.append(op["name"])
        if not covered:
            uncovered.append(op["name"])
    print(f"{len(ops)} ops, {len(ops) - len(uncovered)} compared with PyTorch, {count} problems in {len(failed)}")
    if uncovered:
        print("no case for: " + " ".join(uncovered))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
