#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torch.optim.LBFGS makes of two functions in f64, for tests/training/lbfgs_test.cpp.

    tests/suites/lbfgs_cases.py            compares the stored values with those of this PyTorch
    tests/suites/lbfgs_cases.py --store    writes tests/vectors/lbfgs.txt

A case is a line of its name, one of the losses before each of 20 steps, one of the last weights."""

import argparse
import os
import sys

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STORED = os.path.join(ROOT, "tests/vectors/lbfgs.txt")
STEPS = 20


def rosenbrock(weights):
    x = torch.cat([weight.reshape(-1) for weight in weights])
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def samples():
    """12 points of 4 numbers and what they are, by whole numbers that another language has too."""
    points = [[((7 * i + 3 * j * j + i * j) % 13) / 6 - 1 for j in range(4)] for i in range(12)]
    return torch.tensor(points, dtype=torch.float64), torch.tensor([(5 * i) % 3 == 0 for i in range(12)])


def logistic(weights):
    points, positive = samples()
    logits = points @ weights[0].reshape(-1) + weights[1]
    losses = torch.log1p(torch.exp(torch.where(positive, -logits, logits)))
    return losses.mean() + 0.01 * (weights[0] ** 2).sum()


def start(name):
    if name == "rosenbrock":
        values = [torch.tensor([[-1.2, 1.0], [-1.2, 1.0]], dtype=torch.float64), torch.tensor([-1.2, 1.0], dtype=torch.float64)]
    else:
        values = [torch.zeros(2, 2, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)]
    return [value.requires_grad_() for value in values]


CASES = [("rosenbrock", 1.0, {"max_iter": 2, "history_size": 3, "line_search_fn": "strong_wolfe"}),
         ("rosenbrock", 1.0, {"max_iter": 3, "line_search_fn": "strong_wolfe"}),
         ("rosenbrock", 0.001, {"max_iter": 4, "history_size": 5}),
         ("logistic", 0.5, {"max_iter": 2, "history_size": 2}),
         ("logistic", 1.0, {"line_search_fn": "strong_wolfe"}),
         ("logistic", 1.0, {"max_iter": 1, "history_size": 4})]


def lines():
    for name, lr, options in CASES:
        weights = start(name)
        function = {"rosenbrock": rosenbrock, "logistic": logistic}[name]
        optimizer = torch.optim.LBFGS(weights, lr=lr, **options)

        def closure():
            optimizer.zero_grad()
            loss = function(weights)
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure).detach()) for _ in range(STEPS)]
        yield name
        yield " ".join(repr(loss) for loss in losses)
        yield " ".join(repr(value) for weight in weights for value in weight.detach().reshape(-1).tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="store_true")
    text = "\n".join(lines()) + "\n"
    if parser.parse_args().store:
        with open(STORED, "w", encoding="utf-8") as stream:
            stream.write(text)
        return
    with open(STORED, encoding="utf-8") as stream:
        if stream.read() != text:
            sys.exit("lbfgs_cases: this PyTorch gives other bits than those stored")


if __name__ == "__main__":
    main()
