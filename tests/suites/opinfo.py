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
import re
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inner_cases  # noqa: F401: registers its builders
import loss_cases  # noqa: F401: registers its builders
import own_cases
import step_cases  # noqa: F401: registers its builders
import torch_cases
from torch_cases import DTYPES

BATCH = 100  # cases that are prepared, run and forgotten together, which bounds memory
FLOATS = ("f64", "f32", "bf16")
EXACT = ("i64", "bool")
# What no case can compare, and why.
NOT_COMPARED = {
    "adafactor_step": "its states have other shapes; tests/ops/composite_steps_test.cpp",
    "rand": "random; tests/ops/random_test.cpp", "randn": "random; tests/ops/random_test.cpp",
    "fused": "made by a pass; tests/engine/passes_test.cpp compares it with the ops it replaces",
    "lion_step": "not in torch.optim; tests/ops/composite_steps_test.cpp",
    "muon_step": "torch.optim rounds to bf16; tests/ops/composite_steps_test.cpp",
    "nadam_step": "torch.optim keeps a product in f32; tests/ops/composite_steps_test.cpp",
    "recurrence_backward": "takes what recurrence saves; compared through lstm, gru and rnn",
}
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


# PyTorch's words where it has no gradient by an input, or by none.
NOT_DIFFERENTIABLE = re.compile("not (currently )?(differentiable|implemented|support)")


def leaves_of(op, tensors):
    return [i for i, x in enumerate(tensors)
            if x is not None and x.is_floating_point() and differentiable(op, i)]


def evaluate(op, case, inputs, seeds, want_gradient, leaves=None):
    """PyTorch's outputs and gradients by our input positions; by those in `leaves` alone, if given."""
    tensors = [None if x is None else x.clone() for x in inputs]
    leaves = [] if not want_gradient else leaves_of(op, tensors) if leaves is None else leaves
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
    """A case with its truth and PyTorch's own result. Every third leaves grad_output away, which means ones."""

    def __init__(self, op, case, name, ones=False):
        self.op, self.case, self.name, self.ones = op, case, name, ones
        floating = any(x is not None and x.is_floating_point() for x in case.inputs)
        self.gradient = floating and case.gradient and op["gradient"] == "yes"
        plain, _ = evaluate(op, case, case.inputs, [], False)
        generator = torch.Generator().manual_seed(11)
        self.seeds = [None if not y.is_floating_point() else torch.ones_like(y) if ones else
                      (torch.rand(y.shape, generator=generator, dtype=torch.float64) * 2 - 1).to(y.dtype)
                      for y in plain]
        wide = [widen(x) for x in case.inputs]
        self.outputs, self.grads = self.truth(wide)
        if self.grads is None:
            self.gradient, self.grads = False, {}
        try:
            self.own_outputs, self.own_grads = evaluate(op, case, case.inputs, self.seeds, self.gradient,
                                                        list(self.grads))
        except RuntimeError:  # no kernel for this dtype: its own error is unknown
            self.own_outputs, self.own_grads = plain, {}

    def truth(self, wide):
        """In f64; by those inputs alone that PyTorch differentiates by, and those may be none."""
        try:
            return evaluate(self.op, self.case, wide, self.seeds, self.gradient)
        except RuntimeError as error:
            if not self.gradient or not NOT_DIFFERENTIABLE.search(str(error)):
                raise
        outputs, _ = evaluate(self.op, self.case, wide, [], False)
        grads = {}
        for i in leaves_of(self.op, wide):
            try:
                grads.update(evaluate(self.op, self.case, wide, self.seeds, True, [i])[1] or {})
            except RuntimeError:
                continue
        return outputs, grads or None

    def tensors(self):
        named = {f"{self.name}/{i}": x for i, x in enumerate(self.case.inputs) if x is not None}
        if self.gradient and not self.ones:
            for k, seed in enumerate(self.seeds):
                if seed is not None:
                    named[f"{self.name}/grad_output.{k}"] = seed
        return {key: value.contiguous().clone() for key, value in named.items()}

    def header(self):
        return {"name": self.name, "op": self.op["name"], "attrs": self.case.attrs, "grad": self.gradient}

    def expectations(self):
        """(name, truth, PyTorch's own or None)"""
        known = self.case.own_dtypes
        for k, truth in enumerate(self.outputs):
            yield str(k), truth, self.own_outputs[k] if known and k < len(self.own_outputs) else None
        for i, truth in (self.grads or {}).items():
            yield f"grad.{i}", truth, (self.own_grads or {}).get(i) if known else None


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
            prepared.append(Prepared(op, case, f"{op['name']}.{dtype}.{index}", index % 3 == 2))
        except (RuntimeError, NotImplementedError, IndexError, ValueError, TypeError) as error:
            reasons["PyTorch: " + str(error).split("\n")[0][:60]] += 1
    return prepared


class Score:
    """What became of the cases of one op."""

    def __init__(self, name):
        self.name, self.cells, self.problems, self.reasons = name, {}, [], collections.Counter()

    def failed(self, dtype):
        return sum(text.startswith(dtype + ":") for text in self.problems)

    def row(self):
        cells = [f"{self.cells[d]}/{self.cells[d] + self.failed(d)}" if d in self.cells else "-"
                 for d in FLOATS + EXACT]
        return f"{self.name:38}" + "".join(f"{cell:>11}" for cell in cells) + f"{sum(self.reasons.values()):>9}"


def check_op(program, op, most):
    """Each dtype's cases in batches."""
    score = Score(op["name"])
    for dtype in FLOATS + EXACT:
        cases, why = claimed_cases(op, dtype)
        chosen = spread(cases, most) if most else cases
        why["more cases than asked for"] += len(cases) - len(chosen)
        score.reasons += why
        for start in range(0, len(chosen), BATCH):
            prepared = prepare(op, dtype, chosen[start:start + BATCH], score.reasons)
            if not prepared:
                continue
            results, errors = run_program(program, prepared)
            for item in prepared:
                found = problems_of(item, results, errors)
                score.cells[dtype] = score.cells.get(dtype, 0) + (0 if found else 1)
                if found:
                    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
                    score.problems.append(f"{dtype}: {found[0]}{more}")
    return score


def print_reasons(scores):
    totals = collections.Counter()
    for score in scores:
        totals.update(score.reasons)
    for reason, count in totals.most_common():
        names = [s.name for s in scores if s.reasons[reason]]
        print(f"left out {count}: {reason} ({', '.join(names[:6])}{', ...' if len(names) > 6 else ''})")


STORED = {"f64": 5, "f32": 2, "bf16": 2, "i64": 1, "bool": 1}  # cases of an op


def choices(case):
    """The words and switches among its attributes: "mode" = "reflect"."""
    return {(name, value) for name, value in case.attrs.items() if isinstance(value, (str, bool))}


def with_every_choice(chosen, cases):
    """And the first case of each choice that none of them makes."""
    seen, more = set().union(*map(choices, chosen)), []
    for case in cases:
        if choices(case) - seen:
            more.append(case)
            seen |= choices(case)
    return chosen + more


def stored_cases(op):
    """Few and small, spread over the samples: for CI, which has no PyTorch."""
    for dtype in FLOATS + EXACT:
        cases, reasons = claimed_cases(op, dtype)
        small = [c for c in cases if sum(x.numel() for x in c.inputs if x is not None) <= 120]
        chosen = spread(small, STORED[dtype])
        yield from prepare(op, dtype, with_every_choice(chosen, small) if dtype == "f64" else chosen, reasons)


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


def report(scores):
    """The summary; whether all is well: no problem, and no op without a case."""
    print_reasons(scores)
    uncovered = [s.name for s in scores if not s.cells]
    for name in uncovered:
        print(f"no case for {name}: {NOT_COMPARED.get(name, 'MISSING')}")
    missing = [name for name in uncovered if name not in NOT_COMPARED]
    failed = [s.name for s in scores if s.problems]
    passed = sum(sum(s.cells.values()) for s in scores)
    print(f"{len(scores)} ops, {len(scores) - len(uncovered)} compared with PyTorch {torch.__version__}: {passed} cases "
          f"passed, {sum(len(s.problems) for s in scores)} failed in {len(failed)} ops, {len(missing)} ops lack cases")
    return not failed and not missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ops", nargs="*", help="only these")
    parser.add_argument("--program", default="build/release/gradus")
    parser.add_argument("--most", type=int, default=0, help="cases of an op in a dtype, evenly chosen; 0: all")
    parser.add_argument("--store", help="write the subset that CI replays")
    parser.add_argument("--verbose", action="store_true", help="all failures, not three of an op")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    listed = subprocess.run([arguments.program, "op", "list", "--json"], stdout=subprocess.PIPE, check=True)
    ops = [op for op in json.loads(listed.stdout) if not arguments.ops or op["name"] in arguments.ops]
    if not ops:
        sys.exit("no such op")
    if arguments.store:
        return store(arguments.program, ops, arguments.store)
    print("passed/cases in each dtype, samples left out")
    print(f"{'op':38}" + "".join(f"{d:>11}" for d in FLOATS + EXACT) + f"{'left out':>9}")
    scores = []
    for op in ops:
        scores.append(check_op(arguments.program, op, arguments.most))
        print(scores[-1].row(), flush=True)
        for text in scores[-1].problems[: None if arguments.verbose else 3]:
            print("    " + text)
    sys.exit(0 if report(scores) else 1)


if __name__ == "__main__":
    main()
