#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/vectors/training_losses.safetensors: the losses of small networks that PyTorch trains
in float64. Ten steps of a GPT, a CNN and an LSTM ("model NAME"), and 100 steps (of Adam and AdamW
1,000) of a network of two layers by every update rule that PyTorch has; such a tensor is named by
the recipe's settings for the same rule, and "weights SETTINGS" are the weights at the end, in the
order of their names. Weights and batches are the formulas of tests/training/reference_losses_test.cpp.
"""

import argparse
import math
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OUTPUT = os.path.join(ROOT, "tests", "vectors", "training_losses.safetensors")
torch.set_default_dtype(torch.float64)


def first_weights(shapes):
    """Weight i of the k-th name in order: around 1 for norms, else around 0."""
    weights = {}
    for k, name in enumerate(sorted(shapes)):
        i = torch.arange(math.prod(shapes[name]), dtype=torch.float64)
        wave = 0.3 * torch.sin(0.7 * i + 1.3 * k + 0.1)
        norm = name.endswith("weight") and len(shapes[name]) == 1
        weights[name] = (1 + wave if norm else wave).reshape(shapes[name]).requires_grad_()
    return weights


def waves(shape, step):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(0.9 * i + 0.37 * step).reshape(shape)


def numbers(shape, step, classes, factor):
    i = torch.arange(math.prod(shape))
    return ((i * i * factor + 5 * i + 7 * step) % classes).reshape(shape)


def groups(weights, decay):
    """Weights of rank 2 and more decay."""
    values = [weights[name] for name in sorted(weights)]
    return [
        {"params": [w for w in values if w.dim() >= 2], "weight_decay": decay},
        {"params": [w for w in values if w.dim() < 2], "weight_decay": 0},
    ]


def train(weights, optimizer, loss_of, steps, clip=None):
    losses = []
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = loss_of(step)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(list(weights.values()), clip)
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)


# Models.


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def gpt():
    layers, heads, width, vocabulary, context = 2, 2, 16, 11, 8
    shapes = {"wte.weight": (vocabulary, width), "wpe.weight": (context, width)}
    norms = [f"h.{i}.ln_{j}" for i in range(layers) for j in (1, 2)] + ["ln_f"]
    for name in norms:
        shapes[name + ".weight"] = shapes[name + ".bias"] = (width,)
    for i in range(layers):
        for name, (out, inside) in {
            "attn.c_attn": (3 * width, width),
            "attn.c_proj": (width, width),
            "mlp.c_fc": (4 * width, width),
            "mlp.c_proj": (width, 4 * width),
        }.items():
            shapes[f"h.{i}.{name}.weight"] = (out, inside)
            shapes[f"h.{i}.{name}.bias"] = (out,)
    w = first_weights(shapes)

    def norm(name, x):
        return F.layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"])

    def attention(name, x):
        parts = linear(w, name + ".c_attn", x).split(width, dim=2)
        q, k, v = (p.reshape(3, context, heads, -1).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(2, 3) / math.sqrt(width // heads)
        mask = torch.ones(context, context, dtype=torch.bool).tril()
        mixed = scores.masked_fill(~mask, -math.inf).softmax(3) @ v
        return linear(w, name + ".c_proj", mixed.transpose(1, 2).reshape(3, context, width))

    def loss_of(step):
        tokens = numbers((3, context), step, vocabulary, 3)
        targets = numbers((3, context), step, vocabulary, 2)
        x = w["wte.weight"][tokens] + w["wpe.weight"]
        for i in range(layers):
            x = x + attention(f"h.{i}.attn", norm(f"h.{i}.ln_1", x))
            inside = F.gelu(linear(w, f"h.{i}.mlp.c_fc", norm(f"h.{i}.ln_2", x)), approximate="tanh")
            x = x + linear(w, f"h.{i}.mlp.c_proj", inside)
        logits = norm("ln_f", x) @ w["wte.weight"].T
        return F.cross_entropy(logits.reshape(-1, vocabulary), targets.reshape(-1))

    return train(w, torch.optim.AdamW(groups(w, 0.1), lr=0.01), loss_of, 10)


def cnn():
    shapes = {"fc1.weight": (10, 24), "fc1.bias": (10,), "fc2.weight": (4, 10), "fc2.bias": (4,)}
    for i, (inside, out) in enumerate([(2, 4), (4, 6)], 1):
        shapes[f"block{i}.conv.weight"] = (out, inside, 3, 3)
        shapes[f"block{i}.norm.weight"] = shapes[f"block{i}.norm.bias"] = (out,)
    w = first_weights(shapes)

    def loss_of(step):
        x = waves((5, 2, 8, 8), step)
        for i in (1, 2):
            x = F.conv2d(x, w[f"block{i}.conv.weight"], padding=1)
            scale, shift = w[f"block{i}.norm.weight"], w[f"block{i}.norm.bias"]
            x = F.relu(F.batch_norm(x, None, None, scale, shift, training=True))
            x = F.max_pool2d(x, 2)
        x = F.relu(linear(w, "fc1", x.reshape(5, -1)))
        return F.cross_entropy(linear(w, "fc2", x), numbers((5,), step, 4, 3))

    optimizer = torch.optim.SGD(groups(w, 0), lr=0.05, momentum=0.9, nesterov=True)
    return train(w, optimizer, loss_of, 10)


def lstm():
    vocabulary, width, cells = 9, 8, 10
    shapes = {
        "embedding.weight": (vocabulary, width),
        "head.weight": (vocabulary, cells),
        "head.bias": (vocabulary,),
    }
    for layer, inside in enumerate((width, cells)):
        shapes[f"lstm.weight_ih_l{layer}"] = (4 * cells, inside)
        shapes[f"lstm.weight_hh_l{layer}"] = (4 * cells, cells)
        for name in ("ih", "hh"):
            shapes[f"lstm.bias_{name}_l{layer}"] = (4 * cells,)
    w = first_weights(shapes)
    order = [f"lstm.{kind}_l{layer}" for layer in (0, 1) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def loss_of(step):
        x = w["embedding.weight"][numbers((3, 7), step, vocabulary, 3)]
        zeros = torch.zeros(2, 3, cells)
        x = torch.lstm(x, (zeros, zeros), [w[name] for name in order], True, 2, 0.0, True, False, True)[0]
        targets = numbers((3, 7), step, vocabulary, 2)
        return F.cross_entropy(linear(w, "head", x).reshape(-1, vocabulary), targets.reshape(-1))

    return train(w, torch.optim.Adam(groups(w, 0), lr=0.01), loss_of, 10, clip=0.5)


# Update rules.

RULES = {
    "optimizer.name=sgd lr=0.1": lambda g: torch.optim.SGD(g(0), lr=0.1),
    "optimizer.name=sgd lr=0.1 optimizer.weight_decay=0.05": lambda g: torch.optim.SGD(
        g(0.05), lr=0.1
    ),
    "optimizer.name=momentum lr=0.05 optimizer.momentum=0.9": lambda g: torch.optim.SGD(
        g(0), lr=0.05, momentum=0.9
    ),
    "optimizer.name=momentum lr=0.05 optimizer.momentum=0.8 optimizer.dampening=0.2 "
    "optimizer.weight_decay=0.01": lambda g: torch.optim.SGD(
        g(0.01), lr=0.05, momentum=0.8, dampening=0.2
    ),
    "optimizer.name=nesterov lr=0.05 optimizer.weight_decay=0.01": lambda g: torch.optim.SGD(
        g(0.01), lr=0.05, momentum=0.9, nesterov=True
    ),
    "optimizer.name=adagrad lr=0.05 optimizer.lr_decay=0.01 optimizer.weight_decay=0.01": (
        lambda g: torch.optim.Adagrad(g(0.01), lr=0.05, lr_decay=0.01)
    ),
    "optimizer.name=adadelta lr=1.0 optimizer.weight_decay=0.01": lambda g: torch.optim.Adadelta(
        g(0.01), lr=1.0, rho=0.9, eps=1e-6
    ),
    "optimizer.name=rmsprop lr=0.01": lambda g: torch.optim.RMSprop(g(0), lr=0.01),
    "optimizer.name=rmsprop lr=0.01 optimizer.centered=true optimizer.momentum=0.5": (
        lambda g: torch.optim.RMSprop(g(0), lr=0.01, centered=True, momentum=0.5)
    ),
    "optimizer.name=adam lr=0.01": lambda g: torch.optim.Adam(g(0), lr=0.01),
    "optimizer.name=adam lr=0.01 optimizer.weight_decay=0.05 optimizer.amsgrad=true": (
        lambda g: torch.optim.Adam(g(0.05), lr=0.01, amsgrad=True)
    ),
    "optimizer.name=adamw lr=0.01 optimizer.weight_decay=0.05": lambda g: torch.optim.AdamW(
        g(0.05), lr=0.01
    ),
    "optimizer.name=adamax lr=0.01": lambda g: torch.optim.Adamax(g(0), lr=0.01),
    "optimizer.name=nadam lr=0.01": lambda g: torch.optim.NAdam(g(0), lr=0.01),
    "optimizer.name=radam lr=0.01": lambda g: torch.optim.RAdam(g(0), lr=0.01),
}


def rule_losses(settings, make):
    w = first_weights(
        {"fc1.weight": (8, 6), "fc1.bias": (8,), "fc2.weight": (3, 8), "fc2.bias": (3,)}
    )

    def loss_of(step):
        x = torch.tanh(linear(w, "fc1", waves((7, 6), step)))
        return F.cross_entropy(linear(w, "fc2", x), numbers((7,), step, 3, 2))

    long = settings.startswith(("optimizer.name=adam ", "optimizer.name=adamw "))
    losses = train(w, make(lambda decay: groups(w, decay)), loss_of, 1000 if long else 100)
    return losses, torch.cat([w[name].detach().reshape(-1) for name in sorted(w)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default=OUTPUT)
    options = parser.parse_args()
    tensors = {"model gpt": gpt(), "model cnn": cnn(), "model lstm": lstm()}
    for settings, make in RULES.items():
        tensors[settings], tensors["weights " + settings] = rule_losses(settings, make)
    save_file(tensors, options.output)
    for name, tensor in tensors.items():
        print(f"{name}: {tensor[0].item():.6f} ... {tensor[-1].item():.6f}")


if __name__ == "__main__":
    main()
