#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/gaussian_process.safetensors: means, variances and likelihoods of Gaussian
processes by NumPy's solver, for tests/training/tune_search_test.cpp. The last coordinate of each
point is a name: 0 or 1 apart."""

import argparse
import os

import numpy as np
from safetensors.numpy import save_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OUTPUT = os.path.join(ROOT, "tests", "vectors", "gaussian_process.safetensors")
DIMS, QUERIES = 3, 25


def covariance(kernel, a, b, lengths, signal):
    apart = a[:, None, :] - b[None, :, :]
    apart[..., -1] = apart[..., -1] != 0
    squared = np.sum((apart / lengths) ** 2, axis=-1)
    if kernel == "squared_exponential":
        return signal * np.exp(-0.5 * squared)
    r = np.sqrt(5 * squared)
    return signal * (1 + r + r * r / 3) * np.exp(-r)


def points(random, count):
    drawn = random.uniform(size=(count, DIMS))
    drawn[:, -1] = random.integers(3, size=count) / 2
    return drawn


def case(kernel, count, random):
    x, q = points(random, count), points(random, QUERIES)
    q[0] = x[0]
    y = np.sin(6 * x[:, 0]) + x[:, 1] ** 2 + x[:, 2] + 0.1 * random.normal(size=count)
    lengths = random.uniform(0.2, 1.5, size=DIMS)
    signal, noise, mean = random.uniform(0.5, 2), 10.0 ** random.uniform(-4, -1), np.mean(y)
    k = covariance(kernel, x, x, lengths, signal) + noise * np.eye(count)
    across = covariance(kernel, q, x, lengths, signal)
    residuals = y - mean
    means = mean + across @ np.linalg.solve(k, residuals)
    variances = signal - np.einsum("ij,ij->i", across, np.linalg.solve(k, across.T).T)
    likelihood = -0.5 * residuals @ np.linalg.solve(k, residuals)
    likelihood += -0.5 * np.linalg.slogdet(k)[1] - 0.5 * count * np.log(2 * np.pi)
    return {
        "points": x,
        "values": y[None],
        "lengths": lengths[None],
        "facts": np.array([[signal, noise, mean, likelihood]]),
        "queries": q,
        "expected": np.stack([means, variances], axis=1),
    }


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    random = np.random.default_rng(1)
    tensors = {}
    for kernel in ("matern52", "squared_exponential"):
        for count in (3, 12, 40):
            for name, array in case(kernel, count, random).items():
                tensors[f"{kernel}.{count}.{name}"] = np.ascontiguousarray(array)
    save_file(tensors, OUTPUT)


if __name__ == "__main__":
    main()
