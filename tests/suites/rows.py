#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Claims of the ledger about training, checked with the program from outside on real digits.

    tests/suites/rows.py --program build/release/gradus [--all] [--only S060 S071]

D8 is scikit-learn's table of 1,797 digits of 8 x 8 pixels, divided by 16: every fifth, from the
first, is the test. Prints a table with a line per claim and what was measured; exits 1 where a
claim fails, 77 where the digits cannot be had (scripts/data.sh digits). Without --all only what
takes a second or so."""

import argparse
import itertools
import json
import math
import operator
import os
import random
import statistics
import sys
import tempfile
import time

import rows_heads  # noqa: F401, whose rows are in the table too
from rows_lab import ROOT, ROWS, SEEDS, Lab, Run, row, write_npy

NO_DATA = 77


def largest_difference(a, b):
    pairs = [(x, y) for name in a for x, y in zip(a[name][1], b[name][1])]
    return max(abs(x - y) for x, y in pairs)


def seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


# A row gives triples: what is claimed, what was measured, whether that holds.


@row("S007")
def batches(lab):
    once = ["precision=f64", "optimizer.name=sgd", "lr=0.1", "steps=3", "batch=48"]
    gap = largest_difference(lab.train(*once).weights(), lab.train(*once, "accumulate=48").weights())
    yield "gradient of 48 samples is the mean of 48 single ones to 1e-9", f"{gap:.1e}", gap <= 1e-9
    rates = {}
    for batch in (1, 256):
        steps = 4000 if batch == 1 else 400
        settings = ["optimizer.name=sgd", "lr=0.001", "model.hidden=512", f"batch={batch}"]
        idle = min(seconds(lambda: lab.train(*settings, "steps=1")) for _ in range(2))
        busy = min(seconds(lambda: lab.train(*settings, f"steps={steps}")) for _ in range(2))
        rates[batch] = batch * (steps - 1) / (busy - idle)
    ratio = rates[256] / rates[1]
    yield "samples/s of batch 256 at least 5 x those of batch 1", f"{ratio:.1f} x", ratio >= 5


@row("S008")
def stored_recipe(lab):
    first = lab.train("epochs=2", "model.dropout=0.3", "optimizer.name=adam")
    folder = first.folder + "-again"
    lab.call("train", os.path.join(first.folder, "recipe.toml"), "run=" + folder)
    equal = first.lines() == Run(lab, folder).lines()
    yield "the stored recipe gives the same losses", "equal" if equal else "another", equal
    error = lab.call("train", lab.recipe(lab.d8), "bacth=3", "run=" + folder, code=2, stderr=True)
    yield "an unknown key is an error with the nearest", "batch", "'batch'" in error


@row("S043")
def regression(lab):
    line = [([x / 100], 2.0 * x / 100 - 1) for x in range(100)]
    data = lab.arrays("line", line, line, target="f4")
    run = lab.train("steps=2000", "optimizer.name=sgd", "lr=0.3", "model.hidden=[]", data=data)
    beyond = os.path.join(lab.folder, "beyond.npy")
    write_npy(beyond, "f4", (1, 1), [3.0])
    value = json.loads(lab.call("predict", run.folder, beyond, "--json"))[0]["values"]
    value = value[0] if isinstance(value, list) else list(value.values())[0]
    yield "2 x - 1 learnt from x < 1 gives 5 at 3", f"{value:.4f}", abs(value - 5) < 0.01


@row("S044")
def dying_relu(lab):
    bounds = {"relu": (0, 0.2), "leaky_relu": (0.92, 1), "prelu": (0.95, 1), "elu": (0.95, 1), "gelu": (0, 0.2)}
    for name, (least, most) in bounds.items():
        accuracy = lab.accuracy("model.bias=-10", f"model.activation={name}", "optimizer.name=adam", "epochs=80", "lr=0.01")
        yield f"biases -10, {name}: {least} to {most}", f"{accuracy:.3f}", least <= accuracy <= most


def change_variance(losses):
    return statistics.variance([b - a for a, b in zip(losses, losses[1:])])


@row("S060")
def one_sample(lab):
    settings = ["optimizer.name=sgd", "lr=0.01"]
    run = lab.train(*settings, "batch=1", "epochs=10")
    count = len(run.losses())
    yield "1,437 steps an epoch", f"{count} in 10", count == 14370
    noise = {1: change_variance(run.losses()[:1437])}
    for batch in (64, "full"):
        noise[batch] = change_variance(lab.train(*settings, f"batch={batch}", "steps=200").losses())
    yield "losses change most from step to step at batch 1, least at full", \
        ", ".join(f"{batch}: {value:.1e}" for batch, value in noise.items()), noise[1] > noise[64] > noise["full"]
    accuracy = run.accuracy()
    yield "accuracy at lr 0.01 at least 0.94", f"{accuracy:.3f}", accuracy >= 0.94


@row("S061")
def small_batches(lab):
    accuracy = lab.accuracy("optimizer.name=sgd", "lr=0.1", "batch=32", "epochs=40")
    yield "accuracy of SGD at lr 0.1 after 40 epochs at least 0.94", f"{accuracy:.3f}", accuracy >= 0.94


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
OTHERS = ("adadelta", "adamax", "nadam", "radam", "adafactor", "lion", "lamb", "muon")
RATES = {"lion": ["lr=0.001"]}  # other than the recipes' defaults


def optimizer_rows(lab, names):
    for name in names:
        run = lab.train(f"optimizer.name={name}", "epochs=40", "batch=32", *RATES.get(name, []))
        losses, per_epoch = run.losses(), []
        size = len(losses) // 40
        for epoch in (1, 5, 10, 40):
            per_epoch.append(statistics.mean(losses[(epoch - 1) * size : epoch * size]))
        accuracy = run.accuracy()
        note = ", ".join(f"{loss:.3f}" for loss in per_epoch)
        yield f"{name}: at least 0.94", f"{accuracy:.3f} (losses of epochs 1, 5, 10, 40: {note})", accuracy >= 0.94


@row("S071")
def optimizers(lab):
    """Recipes' defaults, the same seed and order of data."""
    yield from optimizer_rows(lab, OPTIMIZERS)


@row("others", quick=False)
def other_optimizers(lab):
    yield from optimizer_rows(lab, OTHERS)


@row("S075")
def lr_range(lab):
    recipe, table = lab.recipe(lab.d8), os.path.join(lab.folder, "lr.csv")
    find = ["find", "lr", recipe, "optimizer.name=sgd", "--json", "--csv", table]
    found = json.loads(lab.call(*find, "--from", "1e-7", "--to", "10"))
    rates = [point["lr"] for point in found["points"]]
    ratios = [b / a for a, b in zip(rates, rates[1:])]
    yield "rates from 1e-7 to 10 by equal ratios", f"{rates[0]:g} to {rates[-1]:g}", \
        abs(rates[0] / 1e-7 - 1) < 1e-12 and abs(rates[-1] / 10 - 1) < 1e-12 and max(ratios) / min(ratios) < 1 + 1e-9
    accuracy = lab.accuracy("optimizer.name=sgd", f"lr={found['suggested']}", "epochs=20")
    yield "accuracy at the rate suggested at least 0.93", f"{accuracy:.3f} at {found['suggested']:.3g}", accuracy >= 0.93
    far = json.loads(lab.call(*find, "--from", "1e-3", "--to", "1e9"))
    yield "ends early where it diverges", f"after {len(far['points'])} of 100 rates", \
        far["diverged"] and len(far["points"]) < 100


# The ratio of the norms of the loss's gradients by the first and the last of 30 layers.
def gradient_ratio(lab, *settings):
    hidden = "model.hidden=[" + ",".join(["64"] * 30) + "]"
    shown = json.loads(lab.call("model", "show", lab.recipe(lab.d8), hidden, "--init", "--json", *settings))
    layers = [layer["gradient_variance"] for layer in shown["layers"]][:30]
    return math.sqrt(layers[0] / layers[-1])


@row("S090")
def first_signals(lab):
    for init, activation, least, most in (("xavier_normal", "tanh", 0.1, 10), ("he_normal", "relu", 0.1, 10),
                                          ("fan_in_uniform", "relu", 0, 1e-8)):
        ratio = gradient_ratio(lab, f"model.init={init}", f"model.activation={activation}", "batch=256")
        yield f"30 layers, {init}, {activation}: {least:g} to {most:g}", f"{ratio:.2g}", least <= ratio <= most


@row("S089")
def symmetry(lab):
    settings = ["precision=f64", "batch=full", "optimizer.name=sgd", "lr=0.1", "steps=100"]
    equal = ["model.init=constant", "model.init_scale=0.05"]
    (count, width), values = lab.train(*settings, *equal).weights()["fc1.weight"]
    rows = [values[i * width : (i + 1) * width] for i in range(count)]
    gap = max(abs(x - y) for other in rows for x, y in zip(rows[0], other))
    yield "rows of equal weights stay equal to 1e-12", f"{gap:.1e}", gap <= 1e-12
    long = ["optimizer.name=sgd", "lr=0.1", "epochs=20"]
    same, he = lab.accuracy(*long, *equal), lab.accuracy(*long)
    yield "accuracy 0.3 below He's", f"{same:.3f} against {he:.3f}", same < he - 0.3
    zero = lab.train(*settings, "model.init=constant", "model.init_scale=0").weights()["fc1.weight"][1]
    yield "zero weights get no gradient in the first layer", f"{max(map(abs, zero)):g}", not any(zero)


@row("S093")
def batch_norm_rates(lab):
    net = ["model.hidden=[64,64,64,64]", "model.init=fan_in_uniform", "optimizer.name=sgd", "epochs=10"]
    for rate, norm, least, most in ((1, "batch", 0.85, 1), (1, "none", 0, 0.3), (0.1, "batch", 0.95, 1)):
        accuracy = lab.accuracy(*net, f"lr={rate}", f"model.norm={norm}")
        yield f"lr {rate}, norm {norm}: {least} to {most}", f"{accuracy:.3f}", least <= accuracy <= most
    gaps = {"batch norm": ["model.norm=batch"], "dropout": ["model.dropout=0.5"], "neither": []}
    for name, settings in gaps.items():
        gap = []
        for seed in SEEDS:
            run = lab.train("optimizer.name=adam", "epochs=60", "lr=0.003", f"seed={seed}", *settings,
                            data=lab.noisy(seed))
            test = json.loads(lab.call("eval", run.folder, "--json"))["loss"]
            gap.append(test - statistics.mean(run.losses()[-5:]))
        yield f"40 % wrong labels, {name}: test loss less training loss (printed)", \
            f"{statistics.mean(gap):.2f}, mean of 3 seeds", True


@row("S095")
def small_batch_norms(lab):
    for seed in SEEDS:
        reached = {}
        for norm in ("layer", "batch"):
            reached[norm] = lab.accuracy("batch=2", "epochs=4", "optimizer.name=sgd", "lr=0.05",
                                         f"model.norm={norm}", f"seed={seed}")
        yield f"batch 2, seed {seed}: layer norm not below batch norm", \
            f"{reached['layer']:.3f} against {reached['batch']:.3f}", reached["layer"] >= reached["batch"]


def relu_layer(weights, name, inputs):
    (count, width), matrix = weights[name + ".weight"]
    bias = weights[name + ".bias"][1]
    rows = [matrix[i * width : (i + 1) * width] for i in range(count)]
    return [max(0.0, sum(map(operator.mul, row, inputs)) + b) for row, b in zip(rows, bias)]


def cost_of_a_unit(lab, run):
    """By how much accuracy falls, in the mean, when one of the hidden units gives 0."""
    weights = run.weights()
    (count, width), matrix = weights["fc2.weight"]
    columns = [matrix[unit::width] for unit in range(width)]
    right = [0] * (width + 1)
    for inputs, label in lab.test_part:
        hidden = relu_layer(weights, "fc1", inputs)
        logits = list(weights["fc2.bias"][1])
        for value, column in zip(hidden, columns):
            logits = [logit + value * slope for logit, slope in zip(logits, column)]
        for unit in range(width):
            cut = [logit - hidden[unit] * slope for logit, slope in zip(logits, columns[unit])]
            right[unit] += cut.index(max(cut)) == label
        right[width] += logits.index(max(logits)) == label
    return (right[width] - statistics.mean(right[:width])) / len(lab.test_part)


@row("S101")
def dropout(lab):
    scores, net = {"0": [], "0.5": []}, ["optimizer.name=adam", "epochs=150", "lr=0.003", "model.hidden=32"]
    for seed in SEEDS:
        noisy = lab.noisy(seed)
        costs = {}
        for rate, found in scores.items():
            settings = [*net, f"model.dropout={rate}", f"seed={seed}"]
            found.append(lab.accuracy(*settings, data=noisy))
            costs[rate] = cost_of_a_unit(lab, lab.train(*settings, "epochs=30"))
        yield f"seed {seed}: without one unit a net of dropout loses less accuracy", \
            f"{costs['0.5']:.4f} against {costs['0']:.4f}", costs["0.5"] < costs["0"]
    means = [statistics.mean(found) for found in scores.values()]
    yield "40 % wrong labels: accuracy with dropout 0.5 not below that without", \
        f"{means[1]:.3f} against {means[0]:.3f}", means[1] >= means[0]
    yield from drawn_networks(lab)


def probabilities(logits):
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / sum(powers) for power in powers]


def thinned_networks(weights, inputs):
    """What each network that dropout 0.5 leaves of one hidden layer says."""
    hidden = relu_layer(weights, "fc1", inputs)
    (count, width), matrix = weights["fc2.weight"]
    bias = weights["fc2.bias"][1]
    for mask in itertools.product((0, 2), repeat=len(hidden)):
        kept = list(map(operator.mul, mask, hidden))
        yield probabilities([sum(map(operator.mul, matrix[c * width : (c + 1) * width], kept)) + bias[c]
                             for c in range(count)])


def drawn_networks(lab):
    """predict --mc-dropout against all 64 networks of 6 hidden units."""
    run = lab.train("optimizer.name=adam", "epochs=20", "model.hidden=6", "model.dropout=0.5")
    passes, samples = 4000, [inputs for inputs, _ in lab.test_part[:12]]
    batch = os.path.join(lab.folder, "thinned.npy")
    write_npy(batch, "f4", (12, 64), [value for inputs in samples for value in inputs])
    ask = ["predict", run.folder, batch, "--json", "--top", "10"]
    drawn = json.loads(lab.call(*ask, "--mc-dropout", str(passes)))
    weights, errors, ratios = run.weights(), [], []
    for inputs, said in zip(samples, drawn):
        networks = list(zip(*thinned_networks(weights, inputs)))
        for answer in said["top"]:
            exact = networks[int(answer["class"])]
            spread = statistics.pstdev(exact)
            errors.append(abs(answer["probability"] - statistics.fmean(exact)) / (spread / math.sqrt(passes) + 1e-6))
            if spread > 0.05:
                ratios.append(answer["spread"] / spread)
    yield f"{passes} passes: means of all {len(errors)} probabilities within 5 errors of the 64 networks' mean", \
        f"{max(errors):.1f}", max(errors) <= 5
    yield f"their spreads (those above 0.05: {len(ratios)}) within 10 %", \
        f"{min(ratios):.3f} to {max(ratios):.3f}", len(ratios) >= 20 and 0.9 < min(ratios) and max(ratios) < 1.1
    again = json.loads(lab.call(*ask, "--mc-dropout", str(passes)))
    other = json.loads(lab.call(*ask, "--mc-dropout", str(passes), "--seed", "2"))
    yield "the same call says the same, another seed something else", \
        f"{again == drawn}, {other != drawn}", again == drawn and other != drawn


def word_bags(seed, words=400, count=600):
    """Two classes of texts of 12 words; most words are rare, and each leans to a class."""
    draw = random.Random(seed)
    lean = [draw.random() < 0.5 for _ in range(words)]
    bags = []
    for _ in range(count):
        label, bag = draw.randrange(2), [0.0] * words
        while sum(bag) < 12:
            word = int(words ** draw.random()) - 1
            if lean[word] == (label == 1) or draw.random() < 0.3:
                bag[word] = 1.0
        bags.append((bag, label))
    return bags


@row("S068")
def sparse_features(lab):
    for seed in SEEDS:
        bags = word_bags(seed)
        data, last = lab.arrays(f"bags-{seed}", bags, bags), {}
        for name, rate in (("adam", []), ("sgd", ["lr=0.1"])):
            run = lab.train(f"optimizer.name={name}", *rate, "steps=600", "batch=32", f"seed={seed}", data=data)
            last[name] = statistics.mean(run.losses()[-50:])
        yield f"bags of rare words, seed {seed}: Adam's loss with defaults below SGD's at lr 0.1", \
            f"{last['adam']:.2e} against {last['sgd']:.2e}", last["adam"] < last["sgd"]


@row("S103")
def more_data(lab):
    reached = {}
    for count in (50, 200, 800, 1437):
        data = lab.arrays(f"d8-{count}", lab.train_part[:count])
        reached[count] = lab.accuracy("optimizer.name=adam", "steps=1500", "batch=32", data=data)
    values = list(reached.values())
    yield "accuracy does not fall by a point with more samples", \
        ", ".join(f"{count}: {value:.3f}" for count, value in reached.items()), \
        all(b >= a - 0.01 for a, b in zip(values, values[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    parser.add_argument("--all", action="store_true", help="the slow ones too")
    parser.add_argument("--only", nargs="+", default=[], choices=list(ROWS), metavar="ROW")
    parser.add_argument("--shim", help=argparse.SUPPRESS)  # what all suites are given
    arguments = parser.parse_args()
    if not os.path.exists(os.path.join(ROOT, "data/cache/digits/digits.csv")):
        print("rows: no digits; scripts/data.sh digits makes them", file=sys.stderr)
        sys.exit(NO_DATA)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder, os.path.abspath(arguments.program))
        print("| row | claim | measured | |\n| --- | --- | --- | --- |")
        for name, (quick, function) in ROWS.items():
            if name not in arguments.only and (arguments.only or not (quick or arguments.all)):
                continue
            for claim, measured, holds in function(lab):
                failed += not holds
                print(f"| {name} | {claim} | {measured} | {'yes' if holds else 'NO'} |", flush=True)
    if failed:
        sys.exit(f"rows: {failed} claims fail")


if __name__ == "__main__":
    main()
