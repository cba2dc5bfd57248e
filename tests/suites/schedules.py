#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/schedules.safetensors: the learning rates of torch.optim.lr_scheduler over
1,000 steps. Each tensor is named by the recipe's settings that give the same schedule."""

import argparse
import os

import torch
from safetensors.torch import save_file
from torch.optim import lr_scheduler as lrs

STEPS = 1000
RATE = 0.05
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OUTPUT = os.path.join(ROOT, "tests", "vectors", "schedules.safetensors")


def cyclic(o, **options):
    return lrs.CyclicLR(o, base_lr=0.1 * RATE, max_lr=RATE, cycle_momentum=False, **options)


def one_cycle(o, **options):
    return lrs.OneCycleLR(o, max_lr=RATE, total_steps=STEPS, cycle_momentum=False, **options)


SCHEDULES = {
    "name=constant": lambda o: lrs.ConstantLR(o, factor=1.0),
    "name=step period=70 gamma=0.7": lambda o: lrs.StepLR(o, 70, 0.7),
    "name=multi_step milestones=600,100,101,100 gamma=0.3": lambda o: lrs.MultiStepLR(
        o, [600, 100, 101, 100], 0.3
    ),
    "name=exponential gamma=0.99": lambda o: lrs.ExponentialLR(o, 0.99),
    "name=polynomial power=2.5 length=700": lambda o: lrs.PolynomialLR(o, 700, 2.5),
    "name=polynomial": lambda o: lrs.PolynomialLR(o, STEPS - 1, 1.0),
    "name=linear final=0.2 length=333": lambda o: lrs.LinearLR(o, 1.0, 0.2, 333),
    "name=cosine final=0.1": lambda o: lrs.CosineAnnealingLR(o, STEPS - 1, 0.1 * RATE),
    "name=cosine_restarts period=50 final=0.01": lambda o: lrs.CosineAnnealingWarmRestarts(
        o, 50, 1, 0.01 * RATE
    ),
    "name=cosine_restarts period=30 multiply=2": lambda o: lrs.CosineAnnealingWarmRestarts(
        o, 30, 2
    ),
    "name=cyclic period=40": lambda o: cyclic(o, step_size_up=40),
    "name=cyclic period=40 down=23 mode=triangular2": lambda o: cyclic(
        o, step_size_up=40, step_size_down=23, mode="triangular2"
    ),
    "name=cyclic period=17 mode=exp_range gamma=0.998": lambda o: cyclic(
        o, step_size_up=17, mode="exp_range", gamma=0.998
    ),
    "name=one_cycle": one_cycle,
    "name=one_cycle shape=linear rise=0.45 start=0.1 final=0.001": lambda o: one_cycle(
        o, anneal_strategy="linear", pct_start=0.45, div_factor=10, final_div_factor=100
    ),
    "name=one_cycle three_phase=true rise=0.2": lambda o: one_cycle(
        o, three_phase=True, pct_start=0.2
    ),
    "name=cosine warmup=100": lambda o: lrs.SequentialLR(
        o,
        [lrs.LinearLR(o, 1 / 100, 1.0, 99), lrs.CosineAnnealingLR(o, 900)],
        [99],
    ),
}


def rates(make):
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], RATE)
    schedule = make(optimizer)
    values = []
    for _ in range(STEPS):
        values.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return torch.tensor(values, dtype=torch.float64)


def scripted_score(i):
    """A falling score with stretches of no progress and a NaN."""
    stall = 30 <= i % 90 < 75
    return float("nan") if i % 131 == 130 else 2.0 / (1 + (i - i % 90 + (30 if stall else i % 90)) / 50)


def plateau(**options):
    """The rate after each of 1,000 validations."""
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], RATE)
    schedule = lrs.ReduceLROnPlateau(optimizer, **options)
    rises = options.get("mode") == "max"
    values = []
    for i in range(STEPS):
        schedule.step(3 - scripted_score(i) if rises else scripted_score(i))
        values.append(float(optimizer.param_groups[0]["lr"]))
    return torch.tensor(values, dtype=torch.float64)


PLATEAUS = {
    "name=plateau": {},
    "name=plateau gamma=0.7 patience=3 cooldown=5 final=0.01": {
        "factor": 0.7, "patience": 3, "cooldown": 5, "min_lr": 0.01 * RATE},
    "name=plateau gamma=0.9 patience=2 threshold=0.01 threshold_mode=abs": {
        "factor": 0.9, "patience": 2, "threshold": 0.01, "threshold_mode": "abs"},
    "name=plateau gamma=0.8 patience=4 metric=accuracy": {
        "factor": 0.8, "patience": 4, "mode": "max"},
}


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    tables = {name: rates(make) for name, make in SCHEDULES.items()}
    tables |= {name: plateau(**options) for name, options in PLATEAUS.items()}
    tables["scores"] = torch.tensor([scripted_score(i) for i in range(STEPS)], dtype=torch.float64)
    save_file(tables, OUTPUT)


if __name__ == "__main__":
    main()
