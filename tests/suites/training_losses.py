#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten steps of training of small models by PyTorch in f64, for tests/training/reference_losses_test.cpp.

Weights and batches are hashes of a name and an index, exact in f32, so that both sides make the same ones
and nothing but the losses (and the norms of gradients, where they are clipped) needs to be stored.

    tests/suites/training_losses.py            compares with the stored tables; PyTorch's own error in f32
    tests/suites/training_losses.py --store    writes tests/vectors/training_losses.safetensors
"""

import argparse
import sys
from pathlib import Path

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tests" / "vectors" / "training_losses.safetensors"
STEPS = 10
BATCHES = 2  # in turns, so that the loss falls

sys.path.insert(0, str(ROOT / "benchmarks" / "peers"))
from peer_models import CnnBlock, Gpt  # noqa: E402


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(20, 48), nn.Linear(48, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1, self.block2 = CnnBlock(3, 16), CnnBlock(16, 32)
        self.fc1, self.fc2 = nn.Linear(32 * 4 * 4, 24), nn.Linear(24, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.block2(self.block1(x)).flatten(1))))


class LstmLm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(61, 32)
        self.lstm = nn.LSTM(32, 40, num_layers=2, batch_first=True)
        self.head = nn.Linear(40, 61)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


def hashes(name, count):
    """murmur3's finaliser over FNV-1a of the name plus the index."""
    start = 2166136261
    for byte in name.encode():
        start = (start ^ byte) * 16777619 % 2**32
    x = (numpy.arange(count, dtype=numpy.uint64) + start) % 2**32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = (x ^ (x >> shift)) * factor % 2**32
    return x


def centred(name, shape):
    """Numbers in [-0.5, 0.5) of 24 bits."""
    count = int(numpy.prod(shape, dtype=numpy.int64))
    values = (hashes(name, count) >> 8).astype(numpy.float64) / 2**24 - 0.5
    return torch.from_numpy(values.reshape(shape))


def below(name, shape, limit):
    count = int(numpy.prod(shape, dtype=numpy.int64))
    return torch.from_numpy((hashes(name, count) % limit).astype(numpy.int64).reshape(shape))


def set_weights(model, scale):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            values = centred(name, tuple(weight.shape))
            is_norm = weight.dim() == 1 and name.endswith(".weight")
            weight.copy_((1 + values / 4 if is_norm else values * scale).float())


def samples(shape, classes):
    """Of step k: numbers in [-2, 2) and their classes."""
    return lambda k: (4 * centred(f"input.{k}", shape), below(f"target.{k}", shape[:1], classes))


def texts(batch, length, vocabulary):
    def of_step(k):
        tokens = below(f"tokens.{k}", (batch, length + 1), vocabulary)
        return tokens[:, :-1], tokens[:, 1:]

    return of_step


def momentum(p, lr):
    return torch.optim.SGD(p, lr, momentum=0.9)


def nesterov(p, lr):
    return torch.optim.SGD(p, lr, momentum=0.9, nesterov=True)


def decayed(model, make, lr, decay):
    """Weights of rank 1 do not decay."""
    groups = [{"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": decay},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    return make(groups, lr)


# name: model, scale of weights, batches, optimizer, rate, weight decay, clip.
CASES = {
    "mlp": (Mlp, 0.5, samples((16, 20), 10), nesterov, 0.1, 0.01, 0),
    "cnn": (Cnn, 0.25, samples((8, 3, 16, 16), 10), momentum, 0.02, 0, 0),
    "lstm": (LstmLm, 0.5, texts(4, 20, 61), torch.optim.Adam, 0.01, 0, 0.1),
    "gpt": (lambda: Gpt(61, 32, 2, 3, 48), 0.5, texts(4, 24, 61), torch.optim.AdamW, 0.003, 0.1, 1),
}


def train(name, dtype):
    """Losses of the steps, and norms of gradients where they are clipped."""
    make, scale, batch, optimizer, lr, decay, clip = CASES[name]
    model = make().to(dtype)
    set_weights(model, scale)
    rule = decayed(model, optimizer, lr, decay)
    losses, norms = [], []
    for step in range(STEPS):
        inputs, targets = batch(step % BATCHES)
        outputs = model(inputs.to(dtype) if inputs.is_floating_point() else inputs)
        loss = F.cross_entropy(outputs.flatten(0, -2), targets.flatten())
        rule.zero_grad()
        loss.backward()
        if clip:
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), clip).double())
        rule.step()
        losses.append(loss.detach().double())
    tables = {f"{name}.losses": torch.stack(losses)}
    return {**tables, f"{name}.norms": torch.stack(norms)} if clip else tables


def largest(a, b):
    return ((a - b) / b).abs().max().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tables = {}
    for name in CASES:
        tables.update(train(name, torch.float64))
    if arguments.store:
        save_file(tables, STORED)
    stored, wrong = load_file(STORED), 0
    narrow = {key: value for name in CASES for key, value in train(name, torch.float32).items()}
    for key, table in tables.items():
        off = largest(table, stored[key]) if key in stored else float("inf")
        wrong += not off < 1e-11
        print(f"{key:12} {table[0]:10.6f} to {table[-1]:10.6f}; off the stored ones by {off:.1e}, "
              f"in f32 by {largest(narrow[key], table):.1e}")
    sys.exit(1 if wrong or stored.keys() != tables.keys() else 0)


if __name__ == "__main__":
    main()
