# SPDX-License-Identifier: Apache-2.0
"""Random numbers, shapes, dtypes and attributes for the cases of random_cases.py."""

import math
import random

import torch

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
HOSTILE = {
    "int": (-1, 0, 1, 7, -9, 2 ** 62, -2 ** 63, 2 ** 63 - 1, 2 ** 31),
    "float": (math.nan, math.inf, -math.inf, -1.0, 0.0, 2.0, 1e308, 5e-324),
    "string": ("", "mean ", "Sum", "none", "sum", "batchmean", "bogus"),
    "bool": (True, False),
    "list of int": ([], [0], [-1], [1, 1, 1, 1, 1], [0, 0], [2 ** 62, 4], [-2 ** 63], 3, 2 ** 63 - 1, None),
}
HOSTILE["list of int or string"] = HOSTILE["list of int"] + ("same", "valid", "full")

# Sizes about those of registers, tiles and blocks.
EDGES = (15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 130, 255, 257, 1000)

CASES = {}


def draws(*names):
    """Registers a function (draw, op name) -> (inputs, attributes, reference(tensors, attributes))."""
    def register(function):
        for name in names:
            CASES[name] = function
        return function

    return register


class Draw:
    """What is drawn for one case; equal seeds give equal cases."""

    def __init__(self, seed, dtype):
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(self.random.getrandbits(40))
        self.dtype = dtype
        self.gradient = True  # is compared

    def chance(self, p):
        return self.random.random() < p

    def pick(self, *items):
        return self.random.choice(items)

    def integer(self, low, high):
        return self.random.randint(low, high)

    def size(self, empty=0.04):
        kind = self.random.random()
        if kind < empty:
            return 0
        if kind < 0.2:
            return 1
        return self.integer(2, 9) if kind < 0.9 else self.pick(*EDGES)

    def shape(self, low=0, high=4, empty=0.04, most=6000):
        while True:
            shape = [self.size(empty) for _ in range(self.integer(low, high))]
            if math.prod(shape) <= most:
                return shape

    def dim(self, rank):
        """Of -rank .. rank - 1; of a scalar, 0 or -1; seldom out of range."""
        if self.chance(0.02):
            return self.pick(rank + 1, -rank - 2)
        return self.integer(-max(rank, 1), max(rank, 1) - 1)

    def dims(self, rank):
        """Some dims, each once, with either sign."""
        chosen = self.random.sample(range(rank), self.integer(0, rank))
        return [d - rank if self.chance(0.4) else d for d in chosen]

    def dim_or_dims(self, rank):
        return self.dim(rank) if self.chance(0.5) else self.dims(rank)

    def values(self, shape, dtype=None, style=None):
        dtype = dtype or self.dtype
        style = style or self.random.choices(("unit", "wide", "ties", "special", "large"),
                                             (30, 35, 15, 14, 6))[0]
        if dtype == torch.bool:
            return torch.randint(0, 2, shape, generator=self.generator).bool()
        if not dtype.is_floating_point:
            return self.integers(shape, dtype, style)
        if style == "ties":
            return torch.randint(-3, 4, shape, generator=self.generator).to(dtype)
        spread = {"unit": 1.0, "wide": 9.0, "special": 3.0, "large": torch.finfo(dtype).max ** 0.45}[style]
        x = ((torch.rand(shape, generator=self.generator, dtype=torch.float64) * 2 - 1) * spread).to(dtype)
        return self.sprinkle(x) if style == "special" else x

    def integers(self, shape, dtype, style):
        info = torch.iinfo(dtype)
        low, high = (-9, 9) if style in ("unit", "wide", "ties") else (info.min, info.max)
        low = max(low, info.min)
        x = torch.randint(low, min(high, 2 ** 63 - 2) + 1, shape, generator=self.generator)
        return x.to(dtype)

    def sprinkle(self, x):
        """Zeros of both signs, infinities, NaN, the least numbers, and the largest of one sign: a sum of both is what
        its order makes of it."""
        info = torch.finfo(x.dtype)
        largest = self.pick(info.max, -info.max)
        odd = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, info.tiny, info.tiny / 4, largest, 1.0,
                            -1.0, 0.5, -0.5, 1.5, 2.5], dtype=torch.float64).to(x.dtype)
        where = torch.rand(x.shape, generator=self.generator) < 0.3
        return torch.where(where, odd[torch.randint(0, len(odd), x.shape, generator=self.generator)], x)

    def tensor(self, low=0, high=4, **more):
        return self.values(self.shape(low, high), **more)

    def positive(self, shape, dtype=None, low=0.05, high=2.0):
        x = torch.rand(shape, generator=self.generator, dtype=torch.float64) * (high - low) + low
        return x.to(dtype or self.dtype)

    def index(self, shape, count, dtype=torch.int64):
        return torch.randint(0, max(count, 1), shape, generator=self.generator).to(dtype)

    def broadcast_shapes(self, count=2):
        """Shapes that broadcast together, the first seldom of full size either."""
        full = self.shape()
        result = []
        for _ in range(count):
            shape = [1 if self.chance(0.2) else n for n in full]
            result.append(shape[self.integer(0, len(shape)):] if self.chance(0.35) else shape)
        return result

    def other_dtype(self):
        """The case's own dtype, seldom another: types promote."""
        if not self.chance(0.25):
            return self.dtype
        return self.random.choice(FLOATS + INTEGERS + (torch.bool,))

    def odd_dtype(self, p=0.06):
        """The case's own dtype, seldom another: where an op takes tensors of one dtype, or promotes."""
        return self.random.choice(FLOATS + INTEGERS[:2]) if self.chance(p) else self.dtype

    def floating(self):
        """The case's dtype, or a floating one where that is the index's."""
        return self.dtype if self.dtype.is_floating_point else self.random.choice(FLOATS)

    def attrs(self, **given):
        """Omits what is None, or says so."""
        return {key: value for key, value in given.items() if value is not None or self.chance(0.3)}

    def reduction(self):
        return self.pick({}, {"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})

    def one_or_list(self, count, low, high):
        """A size for each dim, or one for all."""
        return self.integer(low, high) if self.chance(0.4) else [self.integer(low, high) for _ in range(count)]


def number(value):
    """An attribute as JSON takes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def given(attrs, *names):
    """PyTorch's keyword arguments: those attributes that are there and not None."""
    return {name: attrs[name] for name in names if attrs.get(name) is not None}
