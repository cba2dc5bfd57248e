# SPDX-License-Identifier: Apache-2.0
"""What handling of data does to a score: scaling of features (row S174 of the ledger), samples of a rare
class taken again or common ones left out (rows S180, S182), augmentation (rows S175, S176). Figures are compared with the bounds
that the rows name; exits 1 where one is missed. Data are made by scripts/data.sh."""

import argparse
import csv
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEDS = range(1, 6)
RARE = 12  # training samples of the rare class


def run(command, **options):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"data_effects: {' '.join(command)}\n{done.stderr}")
    return done.stdout


def trained(arguments, folder, name, settings):
    """The folder of a run."""
    recipe = os.path.join(folder, "recipe.toml")
    open(recipe, "w").close()
    target = os.path.join(folder, name)
    run([arguments.program, "train", recipe, f"run={target}", *settings])
    return target


def scaling(arguments, folder):
    """Plain gradient descent on wines whose measures reach from 0.1 to 1,700."""
    missed = False
    for kind, least, most in (("standard", 0.92, 1), ("minmax", 0, 1), ("none", 0, 0.60)):
        scores = []
        for seed in SEEDS:
            target = trained(arguments, folder, f"wine-{kind}-{seed}", [
                "data.format=csv", "data.path=data/cache/wine/wine.csv", f"data.scaling={kind}", "data.test=0.25",
                "data.stratify=true", "optimizer.name=sgd", "lr=0.01", "epochs=50", "batch=16", "model.hidden=16",
                f"seed={seed}"])
            scores.append(json.loads(run([arguments.program, "eval", target, "--json"]))["accuracy"])
        missed |= not all(least <= score <= most for score in scores)
        print(f"wine, scaling {kind}: accuracy {min(scores):.3f} to {max(scores):.3f}, expected {least} to {most}", flush=True)
    return missed


def rare_digits(folder, seed):
    """Digits with few eights to learn from: eight or not."""
    with open(os.path.join(ROOT, "data/cache/digits/digits.csv")) as file:
        names, *rows = list(csv.reader(file))
    random.Random(seed).shuffle(rows)
    rows = [[*row[:-1], "eight" if row[-1] == "8" else "other"] for row in rows]
    test, rest = rows[:450], rows[450:]
    rare = [row for row in rest if row[-1] == "eight"][:RARE]
    common = [row for row in rest if row[-1] != "eight"]
    target = os.path.join(folder, f"rare-{seed}")
    os.mkdir(target)
    for name, part in (("train", common + rare), ("test", test)):
        with open(os.path.join(target, f"{name}.csv"), "w", newline="") as file:
            csv.writer(file).writerows([[*names[:-1], "kind"], *part])
    return target


def rare_scores(arguments, folder, data, name, settings):
    target = trained(arguments, folder, name, [
        "data.format=csv", f"data.path={data}", "data.scaling=minmax", "optimizer.name=sgd", "lr=0.1", "batch=16",
        "model.hidden=32", "epochs=4", *settings])
    report = os.path.join(folder, name + "-report")
    run([arguments.program, "eval", target, "--report", report])
    with open(os.path.join(report, "classes.csv")) as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    return rows["eight"]


def rare(arguments, folder):
    """Few eights among many other digits."""
    missed = False
    for seed in SEEDS:
        data = rare_digits(folder, seed)
        found = {}
        for kind, settings in (("none", []), ("oversample", ["data.sampling=oversample"]),
                               ("undersample", ["data.sampling=undersample", "epochs=150"])):
            row = rare_scores(arguments, folder, data, f"{kind}-{seed}", [*settings, f"seed={seed}"])
            found[kind] = {key: float(row[key]) for key in ("precision", "recall", "f1", "roc_auc")}
            print(f"eights, seed {seed}, {kind}: " + ", ".join(f"{k} {v:.2f}" for k, v in found[kind].items()), flush=True)
        more, fewer = found["oversample"], found["undersample"]
        missed |= not (found["none"]["recall"] <= 0.1 and more["recall"] >= 0.45 and more["f1"] >= 0.60
                       and more["roc_auc"] >= 0.88 and fewer["recall"] >= 0.45
                       and fewer["precision"] < more["precision"])
    return missed


def write_npy(path, values, shape):
    header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.write(struct.pack(f"<{len(values)}f", *values))


def write_images(path, images):
    write_npy(path, [pixel for image in images for pixel in image], (len(images), 1, 8, 8))


def shifted(image):
    """By one pixel right and down."""
    return [image[(y - 1) * 8 + x - 1] if x > 0 and y > 0 else 0.0 for y in range(8) for x in range(8)]


def digit_images(folder):
    """Digits as images in [0, 1], for training and as files to predict."""
    with open(os.path.join(ROOT, "data/cache/digits/digits.csv")) as file:
        rows = list(csv.reader(file))[1:]
    random.Random(1).shuffle(rows)
    images = [[float(cell) / 16 for cell in row[:-1]] for row in rows]
    labels = [int(row[-1]) for row in rows]
    target = os.path.join(folder, "images")
    os.mkdir(target)
    write_images(os.path.join(target, "x_train.npy"), images[450:])
    write_images(os.path.join(target, "x_test.npy"), images[:450])
    for part, some in (("train", labels[450:]), ("test", labels[:450])):
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(some)},), }}".encode()
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        with open(os.path.join(target, f"y_{part}.npy"), "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(some))
    draw = random.Random(2)
    files = {"plain": images[:450], "shifted": [shifted(image) for image in images[:450]],
             "noisy": [[pixel + draw.gauss(0, 0.3) for pixel in image] for image in images[:450]]}
    for name, some in files.items():
        write_images(os.path.join(folder, f"{name}.npy"), some)
    return target, labels[:450]


def augmentation(arguments, folder):
    """Digits that are moved or noisy, for models that saw such in training and that did not."""
    missed = False
    images, labels = digit_images(folder)
    for seed in SEEDS:
        found = {}
        for kind, settings in (("none", []), ("shift", ["data.augment.shift=1"]), ("noise", ["data.augment.noise=0.3"])):
            target = trained(arguments, folder, f"digits-{kind}-{seed}", [
                "data.format=npy", f"data.path={images}", "model.name=mlp", "model.hidden=64", "optimizer.name=adamw",
                "lr=0.003", "batch=32", "epochs=40", f"seed={seed}", *settings])
            for name in ("plain", "shifted", "noisy"):
                rows = json.loads(run([arguments.program, "predict", target, os.path.join(folder, f"{name}.npy"), "--json"]))
                right = sum(int(row["class"]) == label for row, label in zip(rows, labels))
                found[kind, name] = right / len(labels)
        print(f"digits, seed {seed}: " + ", ".join(f"{kind}/{name} {found[kind, name]:.3f}" for kind, name in found), flush=True)
        missed |= not (found["none", "shifted"] <= 0.20 and found["shift", "shifted"] >= 0.75
                       and found["none", "plain"] - found["shift", "plain"] <= 0.08
                       and found["noise", "noisy"] >= found["none", "noisy"] + 0.02)
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "gradus"))
    arguments = parser.parse_args()
    arguments.program = os.path.abspath(arguments.program)
    run(["scripts/data.sh", "wine", "digits"])
    with tempfile.TemporaryDirectory() as folder:
        missed = [scaling(arguments, folder), rare(arguments, folder), augmentation(arguments, folder)]
    sys.exit(1 if any(missed) else 0)


if __name__ == "__main__":
    main()
