#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills training runs at random moments and lets them go on: they must end with the weights and
metrics of runs that nobody disturbed. Models of several kinds, with accumulation, dropout, a ragged
last batch, checkpoints written beside the training, and some SIGTERM among the SIGKILLs; a guard that
leaves steps out, averages, augmentation by 0, 1 and 2 workers, a schedule that follows the
validation, an early end with the best weights, an end by time. Also: two processes on one folder, a
finished folder, another recipe, and a second signal."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import run_lab

# name, recipe, steps, further settings
RUNS = [
    ("mlp", run_lab.MLP.replace("{width}", "256") + run_lab.IMAGES, 40, ["checkpoint.every=3"]),
    ("cnn", run_lab.CNN + run_lab.IMAGES, 30, ["checkpoint.every=2", "checkpoint.keep=1"]),
    ("lstm", run_lab.LSTM + run_lab.TEXT, 40, ["checkpoint.every=2", "checkpoint.async=true"]),
    ("gpt", run_lab.GPT + run_lab.TEXT, 40, ["checkpoint.every=3", "checkpoint.async=true"]),
    (
        "guard",  # its window is full after 6 steps, and 1.2 deviations are left out often
        run_lab.MLP.replace("{width}", "64") + run_lab.IMAGES,
        40,
        "checkpoint.every=2 guard.policy=skip guard.spike=1.2 guard.window=6 average.name=ema "
        "average.decay=0.9 data.workers=1 data.augment.shift=2".split(),
    ),
    (
        "plateau",
        run_lab.CNN + run_lab.IMAGES,
        30,
        "checkpoint.every=2 schedule.name=plateau schedule.patience=0 schedule.gamma=0.5 "
        "schedule.threshold=0.9 data.workers=2 data.augment.flip=true data.augment.noise=0.1 "
        "average.name=swa average.start=10 average.every=3".split(),
    ),
    (
        "early",  # a rate too large to get better
        run_lab.MLP.replace("{width}", "64") + run_lab.IMAGES,
        60,
        "checkpoint.every=4 stop.patience=3 lr=0.3 guard.policy=skip guard.limit=100 "
        "data.workers=2 data.class_weights=balanced".split(),
    ),
]
TIMED = ("timed", run_lab.MLP.replace("{width}", "64") + run_lab.IMAGES, ["checkpoint.every=3"])
TIME = 1.0  # seconds of training after which its runs end
SAVE_CALL_MICROSECONDS = "1500"  # each file call of a save takes that much longer


class Suite:
    def __init__(self, lab, shim, kills):
        self.lab, self.shim, self.kills = lab, shim, kills
        self.inside_saves = self.inside_accumulations = self.between_lines = 0
        self.stops = self.runs = self.problems = 0

    def expect(self, condition, what):
        if not condition:
            self.problems += 1
            print("PROBLEM:", what, file=sys.stderr)

    def environment(self):
        return {
            "LD_PRELOAD": self.shim,
            "GRADUS_FAULT_PATH": "/checkpoints",
            "GRADUS_FAULT_SLOW": SAVE_CALL_MICROSECONDS,
        }

    def undisturbed(self, name, recipe, settings):
        run = self.lab.run_folder(name + "-undisturbed")
        begin = time.monotonic()
        code, errors = self.lab.train(recipe, run, settings, self.environment())
        self.expect(code == run_lab.FINISHED, f"{name}: exit code {code}: {errors}")
        return run_lab.remains(run), time.monotonic() - begin

    def look_at_kill(self, run, step_seconds):
        """Where the kill fell, as far as the folder shows it."""
        folder = os.path.join(run, "checkpoints")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        if any(name.startswith(("tmp-", "drop-")) for name in names):
            self.inside_saves += 1
        elif os.path.exists(run + "/metrics.jsonl"):
            # A third of a step is one micro-step, and the line of a step ends its last one.
            since = time.time() - os.stat(run + "/metrics.jsonl").st_mtime
            self.between_lines += 0.4 < since / step_seconds < 0.9

    def disturb(self, name, recipe, settings, expected, seconds, steps, kills):
        """Kills processes of one run after the other, `kills` in all."""
        done = 0
        while done < kills:
            run, ended = self.lab.run_folder(name), False
            self.runs += 1
            while not ended:
                kill = done < kills
                process = self.lab.start(recipe, run, settings, self.environment())
                if kill:
                    try:
                        process.wait(self.lab.random.uniform(0.02, 0.8) * seconds)
                    except subprocess.TimeoutExpired:
                        self.interrupt(process, run, seconds / steps)
                        done += 1
                errors = process.communicate(timeout=600)[1]
                ended = process.returncode == run_lab.FINISHED
                self.check_exit(name, process.returncode, errors, run)
                if self.problems > 5:
                    return
            self.expect(run_lab.remains(run) == expected, f"{name}: other bits after kills ({run})")

    def interrupt(self, process, run, step_seconds):
        if self.lab.random.random() < 0.25:
            process.send_signal(signal.SIGTERM)
            return
        process.kill()
        process.wait()
        self.look_at_kill(run, step_seconds)

    def check_exit(self, name, code, errors, run):
        legal = (run_lab.FINISHED, run_lab.STOPPED, -signal.SIGKILL, -signal.SIGTERM)
        self.expect(code in legal, f"{name}: exit code {code}: {errors}")
        self.expect("skipped" not in errors, f"{name}: a kill damaged a checkpoint: {errors}")
        if code == run_lab.STOPPED:
            self.stops += 1
            newest = run_lab.checkpoints(run)[-1:]
            self.inside_accumulations += any(micro for _, micro in newest)

    def kill_runs(self):
        for index, (name, text, steps, more) in enumerate(RUNS):
            kills = (self.kills + index) // (len(RUNS) + 1)
            recipe = self.lab.recipe(name, text)
            settings = [f"steps={steps}", *more]
            expected, seconds = self.undisturbed(name, recipe, settings)
            self.look_at_case(name, steps)
            self.disturb(name, recipe, settings, expected, seconds, steps, kills)
            print(f"{name}: {kills} kills, undisturbed {seconds:.2f} s", flush=True)

    def look_at_case(self, name, steps):
        """Whether what a case is there for happens in it."""
        run = self.lab.run_folder_path(name + "-undisturbed")
        lines = [json.loads(line) for line in open(run + "/metrics.jsonl", encoding="utf-8")]
        trained = [line for line in lines if "lr" in line]
        if name == "early":
            self.expect(len(trained) < steps, "early: it did not end early")
            self.expect(os.path.exists(run + "/best.safetensors"), "early: no best weights")
        if name == "plateau":
            self.expect(trained[-1]["lr"] < trained[0]["lr"] / 2, "plateau: the rate did not drop")
        if name == "guard":
            progress = run_lab.newest_progress(run)
            self.expect(progress["parts"]["guard.skipped"][0] > 0, "guard: nothing was left out")

    def timed_runs(self):
        """An end by time falls elsewhere every time: the run must be that of as many steps."""
        name, text, settings = TIMED
        recipe, done = self.lab.recipe(name, text), 0
        kills = self.kills - sum((self.kills + i) // (len(RUNS) + 1) for i in range(len(RUNS)))
        timed = [*settings, "steps=1000000", f"time={TIME}s"]
        while done < kills:
            run, ended = self.lab.run_folder(name), False
            self.runs += 1
            while not ended:
                process = self.lab.start(recipe, run, timed, self.environment())
                if done < kills:
                    try:
                        process.wait(self.lab.random.uniform(0.02, 0.8) * TIME)
                    except subprocess.TimeoutExpired:
                        self.interrupt(process, run, 0.01)
                        done += 1
                errors = process.communicate(timeout=600)[1]
                ended = process.returncode == run_lab.FINISHED
                self.check_exit(name, process.returncode, errors, run)
                if self.problems > 5:
                    return
            steps = run_lab.newest_progress(run)["step"]
            counted = self.lab.run_folder(name + "-counted")
            code, errors = self.lab.train(recipe, counted, [*settings, f"steps={steps}"])
            self.expect(code == run_lab.FINISHED, f"{name}: exit code {code}: {errors}")
            same = run_lab.remains(run) == run_lab.remains(counted)
            self.expect(same, f"{name}: not the run of {steps} steps ({run})")
        print(f"{name}: {kills} kills, ended by time={TIME}s", flush=True)

    def one_folder(self):
        """What a second process, a finished folder and another recipe get."""
        name, text, _, _ = RUNS[0]
        recipe, run = self.lab.recipe(name, text), self.lab.run_folder("folder")
        slow = dict(self.environment(), GRADUS_FAULT_PATH="/run-folder/", GRADUS_FAULT_SLOW="20000")
        first = self.lab.start(recipe, run, ["steps=40", "checkpoint.every=1"], slow)
        while not os.path.exists(run + "/metrics.jsonl"):
            time.sleep(0.01)
        code, errors = self.lab.train(recipe, run, ["steps=40"])
        refused = code == 2 and f"in use by process {first.pid} on" in errors
        self.expect(refused, f"second process: {errors}")
        # Two signals end it at once, however little time there is between them.
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            first.send_signal(number)
        first.communicate(timeout=60)
        self.expect(first.returncode == -signal.SIGTERM, f"two signals: {first.returncode}")
        code, errors = self.lab.train(recipe, run, ["steps=40", "lr=0.5"])
        self.expect(code == 2 and "lr is 0.001 in the run and 0.5" in errors, errors)
        code, _ = self.lab.train(recipe, run, ["steps=40"])
        self.expect(code == run_lab.FINISHED, f"exit code {code}")
        before = [(path, os.stat(path).st_mtime_ns) for path in self.paths(run)]
        code, errors = self.lab.train(recipe, run, ["steps=40"])
        self.expect(code == 0 and "is finished" in errors, f"finished: {code} {errors}")
        self.expect(before == [(p, os.stat(p).st_mtime_ns) for p in self.paths(run)], "touched")

    @staticmethod
    def paths(run):
        found = []
        for top, below, names in os.walk(run):
            found += [os.path.join(top, name) for name in below + names]
        return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--shim", required=True, help="the library of tests/suites/file_faults")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gradus-kills-")
    suite = Suite(run_lab.Lab(folder, options.program, options.seed), options.shim, options.kills)
    suite.one_folder()
    suite.kill_runs()
    suite.timed_runs()
    print(
        f"{suite.kills} kills in {suite.runs} runs ({suite.stops} by SIGTERM with a checkpoint): "
        f"{suite.inside_saves} inside a save, {suite.inside_accumulations} SIGTERM and about "
        f"{suite.between_lines} SIGKILL inside an accumulation; {suite.problems} problems"
    )
    if options.kills >= 50:  # few kills may miss
        suite.expect(suite.inside_saves > 0, "no kill fell inside a save")
        suite.expect(suite.inside_accumulations > 0, "no SIGTERM fell inside an accumulation")
        suite.expect(suite.between_lines > 0, "no SIGKILL fell inside an accumulation")
    if suite.problems:
        sys.exit(f"kept: {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
