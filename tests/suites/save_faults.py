#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets every file call of a training run fail in turn: the process dies there, dies half-way
through a write, or the call returns an error, once or from there on. Whatever happens, no
checkpoint that is there is damaged, none that was whole is lost, and the same command ends with the weights and
metrics of an undisturbed run. Ends with a full disk, where a small tmpfs can be mounted."""

import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import run_lab

KINDS = ["die", "torn", "short", "EINTR", "EIO", "ENOSPC", "EIO+", "ENOSPC+"]
SETTINGS = ["steps=6", "checkpoint.every=2", "checkpoint.keep=1", "accumulate=2"]


class Suite:
    def __init__(self, lab, shim):
        self.lab, self.shim, self.problems = lab, shim, 0
        text = run_lab.MLP.replace("accumulate = 3\n", "").replace("{width}", "8")
        self.recipe = lab.recipe("mlp", text + run_lab.IMAGES)
        self.codes = collections.Counter()

    def expect(self, condition, what):
        if not condition:
            self.problems += 1
            print("PROBLEM:", what, file=sys.stderr)

    def faulty(self, run, settings, kind="", at=0):
        log = run + ".log"
        if os.path.exists(log):
            os.remove(log)
        environment = {
            "LD_PRELOAD": self.shim,
            "GRADUS_FAULT_PATH": "/" + os.path.basename(run) + "/",
            "GRADUS_FAULT_KIND": kind,
            "GRADUS_FAULT_AT": str(at),
            "GRADUS_FAULT_LOG": log,
        }
        code, errors = self.lab.train(self.recipe, run, settings, environment)
        with open(log, encoding="utf-8") as stream:
            return code, errors, stream.read().splitlines()

    def one(self, settings, kind, at, expected):
        run = self.lab.run_folder("faulty")
        code, errors, calls = self.faulty(run, settings, kind, at)
        call = calls[at - 1] if at <= len(calls) else "not reached"
        where = f"{kind} at call {at} ({call}), {settings}"
        failure = -signal.SIGKILL if kind in ("die", "torn") else run_lab.REFUSED
        legal = (run_lab.FINISHED, failure)
        self.expect(code in legal, f"{where}: exit code {code}: {errors}")
        self.expect(code != run_lab.REFUSED or "gradus: error: [" in errors, f"{where}: {errors}")
        self.codes[kind, code] += 1
        there = run_lab.checkpoints(run)
        # A rename that was followed by another call had happened, unless it was the one to fail.
        for number, call in enumerate(calls[:-1], 1):
            match = re.fullmatch(r"rename .*/tmp-step-(\d+) .*", call)
            if match and (number < at or (number > at and not kind.endswith("+"))):
                self.expect(there and there[-1][0] >= int(match[1]), f"{where}: {match[1]} is lost")
        code, errors = self.lab.train(self.recipe, run, settings)
        self.expect(code == run_lab.FINISHED, f"{where}: then {code}: {errors}")
        self.expect("skipped" not in errors, f"{where}: damaged: {errors}")
        if there and "is finished" not in errors:
            self.expect(run_lab.resumed_from(errors) == there[-1], f"{where}: {there}: {errors}")
        self.expect(run_lab.remains(run) == expected, f"{where}: other bits")
        left = [name for name in os.listdir(run + "/checkpoints") if not name.startswith("step-")]
        self.expect("is finished" in errors or not left, f"{where}: left {left}")
        self.expect("is finished" in errors or not os.path.exists(run + "/lock"), f"{where}: lock")

    def every_call(self, settings, limit):
        run = self.lab.run_folder("undisturbed")
        code, errors, calls = self.faulty(run, settings)
        self.expect(code == run_lab.FINISHED, f"undisturbed: {code} {errors}")
        expected = run_lab.remains(run)
        cases = [(kind, at) for kind in KINDS for at in range(1, len(calls) + 1)]
        if limit:
            cases = self.lab.random.sample(cases, min(limit, len(cases)))
        for kind, at in cases:
            self.one(settings, kind, at, expected)
            if self.problems > 10:
                return
        print(f"{settings[-1]}: {len(calls)} calls, {len(cases)} faults", flush=True)

    def full_disk(self):
        """On a small file system: what was saved stays, and more room is all that is needed."""
        disk = os.path.join(self.lab.folder, "disk")
        os.mkdir(disk)
        size = "size=600k"
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], capture_output=True, check=False
        )
        if mount.returncode != 0:
            print("SKIPPED: no tmpfs can be mounted here")
            return
        try:
            self.fill(disk)
        finally:
            subprocess.run(["umount", disk], check=False)

    def fill(self, disk):
        settings = ["steps=400", "checkpoint.every=5", "checkpoint.keep=1"]
        whole = self.lab.run_folder("whole")
        self.lab.train(self.recipe, whole, settings)
        run, filler = os.path.join(disk, "run"), os.path.join(disk, "filler")
        process = self.lab.start(self.recipe, run, settings)
        while not run_lab.checkpoints(run) and process.poll() is None:
            pass
        try:
            with open(filler, "wb", buffering=0) as stream:
                while True:
                    stream.write(b"x" * 512)
        except OSError:
            pass
        errors = process.communicate(timeout=120)[1]
        self.expect(process.returncode == run_lab.REFUSED, f"full: {process.returncode} {errors}")
        self.expect(run_lab.checkpoints(run), "full disk: no checkpoint is left")
        os.remove(filler)
        code, errors = self.lab.train(self.recipe, run, settings)
        self.expect(code == run_lab.FINISHED and "going on from" in errors, f"{code} {errors}")
        self.expect("skipped" not in errors, errors)
        self.expect(run_lab.remains(run) == run_lab.remains(whole), "full disk: other bits")
        print("full disk: exit code 5, then went on")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--shim", required=True, help="the library of tests/suites/file_faults")
    parser.add_argument("--faults", type=int, default=0, help="of each mode; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gradus-faults-")
    suite = Suite(run_lab.Lab(folder, options.program, options.seed), options.shim)
    suite.every_call([*SETTINGS, "checkpoint.async=false"], options.faults)
    suite.every_call([*SETTINGS, "checkpoint.async=true"], options.faults)
    suite.full_disk()
    for (kind, code), count in sorted(suite.codes.items()):
        print(f"{kind:8} exit code {code:3}: {count}")
    print(f"{suite.problems} problems")
    if suite.problems:
        sys.exit(f"kept: {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
