# SPDX-License-Identifier: Apache-2.0
"""Training steps of Gradus beside PyTorch's, eager and compiled, in alternating windows.

Run it with the Python of benchmarks/peers/make_venv.sh. Both sides start from the same weights and
batch, and their first losses must agree to 1e-4. A window counts only where the multiply-add peak
measured before and after it agrees to 10 %. Writes a table and all figures to benchmarks/results/."""

import argparse
import ctypes.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODELS = ["mlp", "cnn", "resnet18", "lstm", "gpt_v256", "gpt_v8192", "gpt2_124m"]
LOSS_TOLERANCE = 1e-4
PEAK_TOLERANCE = 0.10
# Steps/s of PyTorch 2.15 on a machine whose matmul peak was FULL_SPEED GFLOP/s: a peer that stays
# below LEAST_SHARE of these, scaled by the peak of the run, was not measured well.
REFERENCE = {
    1: dict(zip(MODELS, [307, 21, 0.76, 12, 1.79, 1.20, 0.49])),
    2: dict(zip(MODELS, [393, 30, 1.53, 20, 2.7, 1.92, 0.81])),
}
FULL_SPEED = {1: 125.0, 2: 250.0}
LEAST_SHARE = 0.85


def build_fma_peak(folder):
    program = os.path.join(folder, "fma_peak")
    source = os.path.join(HERE, "fma_peak.c")
    command = ["gcc", "-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", source, "-o", program]
    subprocess.run(command, check=True)
    return program


class Worker:
    """A PyTorch process that waits for windows."""

    def __init__(self, arguments, model, threads, compiled, start):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        tcmalloc = ctypes.util.find_library("tcmalloc_minimal") or ctypes.util.find_library("tcmalloc")
        if tcmalloc and arguments.tcmalloc:
            environment["LD_PRELOAD"] = tcmalloc
        command = [sys.executable, os.path.join(HERE, "peer_worker.py"), "--model", model]
        command += ["--start", start, "--threads", str(threads)] + ["--compile"] * compiled
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.first = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("train_peers: a PyTorch process ended early; its message stands above")
        return json.loads(line)

    def window(self, seconds):
        self.process.stdin.write(f"run {seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def run_gradus(arguments, model, threads, seconds, extra=()):
    command = [arguments.gradus, "bench", "train", "--model", model, "--threads", str(threads)]
    command += ["--seconds", str(seconds), "--json", *extra]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout)


def measure(arguments, model, threads, folder, fma_peak):
    """Windows of each side, in turn."""
    start = os.path.join(folder, f"{model}.safetensors")
    first = run_gradus(arguments, model, threads, 0.1, ["--export-start", start])
    workers = {"eager": Worker(arguments, model, threads, False, start)}
    if arguments.compiled:
        workers["compiled"] = Worker(arguments, model, threads, True, start)
    difference = max(
        abs(a - b)
        for worker in workers.values()
        for a, b in zip(first["first_losses"], worker.first["first_losses"])
    )

    def peak():
        return float(subprocess.run([fma_peak, str(threads)], capture_output=True, text=True, check=True).stdout)

    windows, before = [], peak()
    for _ in range(arguments.alternations):
        for side in ["gradus", *workers]:
            if side == "gradus":
                figures = run_gradus(arguments, model, threads, arguments.seconds)
            else:
                figures = workers[side].window(arguments.seconds)
            after = peak()
            steady = abs(before - after) <= PEAK_TOLERANCE * max(before, after)
            windows.append({"side": side, "fma_before": before, "fma_after": after, "counts": steady, **figures})
            before = after
    versions = {worker.first["torch"] for worker in workers.values()}
    for worker in workers.values():
        worker.stop()
    return {
        "model": model,
        "threads": threads,
        "loss_difference": difference,
        "torch": versions.pop(),
        "windows": windows,
    }


def summarise(run):
    """Best and median per side over the windows that count, ratios, and whether the run is valid."""
    sides = {}
    for side in ("gradus", "eager", "compiled"):
        counted = [w for w in run["windows"] if w["side"] == side and w["counts"]]
        if counted:
            sides[side] = {
                "median": statistics.median(w["steps_s_median"] for w in counted),
                "best": max(w["steps_s_best"] for w in counted),
                "peak_rss_mb": max(w["peak_rss_mb"] for w in counted),
                "windows": len(counted),
            }
    problems = []
    if run["loss_difference"] > LOSS_TOLERANCE or math.isnan(run["loss_difference"]):
        problems.append(f"first losses differ by {run['loss_difference']:.1e}")
    peers = [sides[side] for side in ("eager", "compiled") if side in sides]
    if "gradus" not in sides or not peers:
        return {"sides": sides, "problems": problems + ["no window with a steady peak"]}
    ratios = {kind: sides["gradus"][kind] / max(p[kind] for p in peers) for kind in ("median", "best")}
    ratios["memory"] = sides["gradus"]["peak_rss_mb"] / min(p["peak_rss_mb"] for p in peers)
    matmul = max(w["matmul_peak_gflops"] for w in run["windows"] if w["side"] == "gradus")
    reference = REFERENCE.get(run["threads"], {}).get(run["model"])
    if reference:
        needed = LEAST_SHARE * reference * matmul / FULL_SPEED[run["threads"]]
        reached = max(p["median"] for p in peers)
        if reached < needed:
            problems.append(f"the peer reached {reached:.3g} steps/s, expected {needed:.3g}")
    return {"sides": sides, "ratios": ratios, "problems": problems}


def table(runs):
    lines = [
        "| model | threads | gradus median (best) | eager | compiled | ratio median | best | memory | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        summary = run["summary"]

        def cell(side):
            figures = summary["sides"].get(side)
            return f"{figures['median']:.3g} ({figures['best']:.3g})" if figures else "-"

        ratios = summary.get("ratios", {})
        cells = [run["model"], str(run["threads"]), cell("gradus"), cell("eager"), cell("compiled")]
        cells += [f"{ratios[k]:.2f}" if k in ratios else "-" for k in ("median", "best", "memory")]
        lines.append("| " + " | ".join(cells + ["; ".join(summary["problems"])]) + " |")
    for threads in sorted({run["threads"] for run in runs}):
        ratios = [r["summary"]["ratios"]["median"] for r in runs if r["threads"] == threads and "ratios" in r["summary"]]
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            lines.append(f"\nGeometric mean of {len(ratios)} ratios of medians, {threads} thread(s): {mean:.2f}")
    return "\n".join(lines)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return next(line.split(":", 1)[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def write(name, runs):
    """All runs so far: a measurement that is cut off keeps what it has."""
    facts = {"processor": processor(), "cores": os.cpu_count(), "system": platform.release(), "runs": runs}
    facts["command"] = " ".join(["benchmarks/peers/train_peers.py", *sys.argv[1:]])
    with open(name + ".json", "w", encoding="utf-8") as stream:
        json.dump(facts, stream, indent=1)
        stream.write("\n")
    heading = f"{facts['processor']}, {facts['cores']} cores, PyTorch {runs[0]['torch']}; `{facts['command']}`"
    with open(name + ".md", "w", encoding="utf-8") as stream:
        stream.write(f"{heading}\n\n{table(runs)}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gradus", default=os.path.join(ROOT, "build", "release", "gradus"))
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--alternations", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of a window")
    parser.add_argument("--no-compile", dest="compiled", action="store_false")
    parser.add_argument("--no-tcmalloc", dest="tcmalloc", action="store_false")
    parser.add_argument("--output", default=os.path.join(ROOT, "benchmarks", "results"))
    arguments = parser.parse_args()

    os.makedirs(arguments.output, exist_ok=True)
    name = os.path.join(arguments.output, "train_peers-" + time.strftime("%Y%m%d-%H%M%S"))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        fma_peak = build_fma_peak(folder)
        for threads in arguments.threads:
            for model in arguments.models:
                run = measure(arguments, model, threads, folder, fma_peak)
                run["summary"] = summarise(run)
                runs.append(run)
                print(table([run]), file=sys.stderr, flush=True)
                write(name, runs)
    print(table(runs))
    sys.exit(1 if any(run["summary"]["problems"] for run in runs) else 0)


if __name__ == "__main__":
    main()
