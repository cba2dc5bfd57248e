# SPDX-License-Identifier: Apache-2.0
"""What checkpoints cost a run: a recipe trained with an asynchronous save every N steps and with
none, in alternation. Prints wall times and the ratio of their medians. The final weights must be
the same bytes."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def train(arguments, folder, settings):
    command = [arguments.program, "train", arguments.recipe, f"steps={arguments.steps}", "validate_every=1000000"]
    begun = time.perf_counter()
    subprocess.run([*command, f"run={folder}", *settings], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    parser.add_argument("--recipe", default="recipes/kjv_gpt.toml")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--alternations", type=int, default=3)
    arguments = parser.parse_args()
    sides = {
        "without": ["checkpoint.every=-1"],
        "with": [f"checkpoint.every={arguments.every}", "checkpoint.async=true"],
    }
    times, finals = {side: [] for side in sides}, set()
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.alternations):
            for side, settings in sides.items():
                run = os.path.join(folder, f"{side}{turn}")
                times[side].append(train(arguments, run, settings))
                with open(os.path.join(run, "final.safetensors"), "rb") as stream:
                    finals.add(stream.read())
                print(f"{side} saves: {times[side][-1]:.2f} s", flush=True)
    ratio = statistics.median(times["with"]) / statistics.median(times["without"])
    print(f"a save every {arguments.every} of {arguments.steps} steps: {ratio:.4f} of the time without")
    if len(finals) != 1:
        sys.exit("save_cost: the final weights differ")


if __name__ == "__main__":
    main()
