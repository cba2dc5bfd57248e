# SPDX-License-Identifier: Apache-2.0
"""What `gradus plan` says a training needs, against what the process takes from the machine.

Each case is planned, then trained for some steps; the growth of its resident memory is the largest
that the kernel saw (ru_maxrss) less that of the same recipe at a size that needs next to nothing.
Prints a line per case; exits 1 where plan and growth differ by more than the bound."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

GPT = "recipes/kjv_gpt.toml"
CNN = "recipes/fashion_mnist_cnn.toml"
MLP = "recipes/fashion_mnist_mlp.toml"
RESNET = "recipes/fashion_mnist_resnet20.toml"

# name: recipe, settings, settings of the smallest form
CASES = {
    "gpt": (GPT, ["model.layers=6", "model.width=512", "batch=16"], ["model.width=16", "batch=1", "data.length=8"]),
    "gpt_recompute": (
        GPT,
        ["model.layers=6", "model.width=512", "batch=32", "recompute=true"],
        ["model.width=16", "batch=1", "data.length=8"],
    ),
    "gpt_bf16": (
        GPT,
        ["model.layers=6", "model.width=512", "batch=16", "precision=bf16"],
        ["model.width=16", "batch=1", "data.length=8"],
    ),
    "cnn": (CNN, ["batch=4096"], ["batch=1", "model.channels=1", "model.hidden=1"]),
    "cnn_accumulate": (CNN, ["batch=8192", "accumulate=2"], ["batch=1", "model.channels=1", "model.hidden=1"]),
    "resnet20": (RESNET, ["batch=512"], ["batch=1", "model.depth=8"]),
    "mlp_wide": (MLP, ["model.hidden=6000,6000", "batch=256"], ["model.hidden=1", "batch=1"]),
}


def planned(program, recipe, settings):
    text = subprocess.run([program, "plan", recipe, "--json", *settings], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(text.stdout)["total_bytes"]


def resident(program, recipe, settings, steps):
    """The largest resident size, in bytes, of a process that trains."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "train", recipe, f"steps={steps}", "validate_every=1000000", *settings]
        # The shell's own peak is far below and wait4 tells one child from the others.
        child = subprocess.Popen(
            [*command, "schedule.warmup=0", f"run={folder}/run"], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"plan_memory: {' '.join(command)}: status {status}")
        return usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--bound", type=float, default=0.03)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    beyond = 0
    for name in arguments.only:
        recipe, settings, least = CASES[name]
        plan = planned(program, recipe, settings) - planned(program, recipe, least)
        grown = resident(program, recipe, settings, arguments.steps) - resident(program, recipe, least, 1)
        difference = grown / plan - 1
        beyond += abs(difference) > arguments.bound
        print(f"{name}: planned {plan / 2**20:.1f} MiB more, grown by {grown / 2**20:.1f} MiB: {difference:+.1%}", flush=True)
    if beyond:
        sys.exit(f"plan_memory: {beyond} cases differ by more than {arguments.bound:.0%}")


if __name__ == "__main__":
    main()
