# SPDX-License-Identifier: Apache-2.0
"""Random cases of elementwise ops, casts, products of matrices and what makes tensors from nothing."""

import math

import torch
from torch.nn import functional

from random_draw import EDGES, FLOATS, draws, given
from torch_cases import DTYPES, NAMES

UNARY = ("abs acos asin atan ceil cos cosh erf exp expm1 floor log log1p logical_not neg reciprocal relu rsqrt "
         "sigmoid sign sin sinh sqrt square tan tanh trunc").split()
PLAIN_BINARY = "atan2 eq ge gt le lt ne heaviside logical_and logical_or maximum minimum mul pow".split()


@draws(*UNARY)
def unary(d, op):
    return [d.tensor()], {}, lambda t, a: getattr(torch, op)(t[0])


@draws("silu", "mish")
def activation(d, op):
    return [d.tensor()], {}, lambda t, a: getattr(functional, op)(t[0])


def hardtanh(x, **limits):
    """Element by element beside NaN, where PyTorch's vectors give another gradient than its single elements."""
    numbers = not x.isnan().any() and not any(math.isnan(limit) for limit in limits.values())
    if not x.is_floating_point() or not x.numel() or numbers:
        return functional.hardtanh(x, **limits)
    return torch.stack([functional.hardtanh(element, **limits) for element in x.flatten()]).reshape(x.shape)


def elu(x, **more):
    """With zeros behind, so that all of x is in PyTorch's vectors, whose gradient at NaN is NaN; else it is 1."""
    if not x.is_floating_point() or not x.isnan().any():
        return functional.elu(x, **more)
    return functional.elu(torch.cat([x.flatten(), x.new_zeros(256)]), **more)[:x.numel()].reshape(x.shape)


@draws("elu", "leaky_relu", "softplus", "gelu", "hardtanh", "round")
def parametric(d, op):
    names = {"elu": {"alpha": d.pick(1.0, 0.5, -2.0, 0.0, 3)}, "round": {"decimals": d.integer(-2, 3)},
             "leaky_relu": {"negative_slope": d.pick(0.2, -0.5, 0.0, 1, 2.5)},
             "gelu": {"approximate": d.pick("none", "tanh")},
             "softplus": {"beta": d.pick(1, 2.5, 0.3), "threshold": d.pick(20, 3.0, 0.5)},
             "hardtanh": {"min_val": d.pick(-1.0, -2, 0.5), "max_val": d.pick(1.0, 3, 0.5, 0.0)}}[op]
    attrs = {k: v for k, v in names.items() if d.chance(0.7)}
    function = {"round": torch.round, "hardtanh": hardtanh, "elu": elu}.get(op) or getattr(functional, op)
    return [d.tensor()], attrs, lambda t, a: function(t[0], **given(a, *names))


@draws(*PLAIN_BINARY)
def binary(d, op):
    a, b = d.broadcast_shapes()
    x, y = d.values(a), d.values(b, d.other_dtype())
    # PyTorch squares an integer as an integer here, which overflows.
    d.gradient = op != "atan2" or x.is_floating_point() and y.is_floating_point()
    return [x, y], {}, lambda t, _: getattr(torch, op)(t[0], t[1])


@draws("add", "sub", "div")
def binary_with_attribute(d, op):
    a, b = d.broadcast_shapes()
    if op == "div":
        attrs = d.attrs(rounding_mode=d.pick(None, None, "floor", "trunc"))
    else:
        attrs = {} if d.chance(0.4) else {"alpha": d.pick(-1, 2, 3) if d.chance(0.5) else d.pick(0.5, -1.5)}
    return ([d.values(a), d.values(b, d.other_dtype())], attrs,
            lambda t, at: getattr(torch, op)(t[0], t[1], **given(at, *at)))


def whole(bound):
    """2.0 as 2, which a bound of ours is: it leaves integers integers."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


@draws("clamp")
def clamp(d, op):
    attrs = d.attrs(min=d.pick(None, -1, 0.5, -2.5, 3), max=d.pick(None, 1, 2.5, 0, -1))
    return [d.tensor()], attrs, lambda t, a: torch.clamp(t[0], whole(a.get("min")), whole(a.get("max")))


@draws("where")
def where(d, op):
    a, b, c = d.broadcast_shapes(3)
    inputs = [d.values(a, torch.bool), d.values(b), d.values(c, d.other_dtype())]
    return inputs, {}, lambda t, _: torch.where(*t)


@draws("masked_fill")
def masked_fill(d, op):
    a, b = d.broadcast_shapes()
    attrs = {"value": d.pick(0, 1, -1, 2.5, float("-inf"), float("nan"), 300)}
    return ([d.values(a), d.values(b, torch.bool)], attrs,
            lambda t, at: torch.masked_fill(t[0], t[1], at["value"]))


@draws("prelu")
def prelu(d, op):
    x = d.tensor()
    channels = x.shape[1] if x.dim() > 1 else 1
    weight = d.values([d.pick(1, channels)] if d.chance(0.9) else [], d.odd_dtype())
    return [x, weight], {}, lambda t, _: functional.prelu(t[0], t[1])


@draws("cast")
def cast(d, op):
    x = d.tensor(style=d.pick("unit", "wide", "ties"))
    target = d.random.choice(list(DTYPES.values()))
    if x.is_floating_point() and not target.is_floating_point:
        x = x.abs() if target == torch.uint8 else x  # a negative number in u8 is undefined in C++
    return [x], {"dtype": NAMES[target]}, lambda t, a: t[0].to(DTYPES[a["dtype"]])


def product_style(d):
    return d.pick("unit", "unit", "wide", "wide", "ties", "ties", "special")


def product_sizes(d):
    """Sometimes all three about the edges of a tile."""
    sizes = (1, 5, 6, 7, *EDGES[:-3]) if d.chance(0.25) else ()
    return [d.pick(*sizes) if sizes else d.size() for _ in range(3)]


@draws("mm", "bmm", "matmul", "gemm")
def product(d, op):
    style = product_style(d)
    m, k, n = product_sizes(d)
    if op == "mm":
        a, b = [m, k], [k, n]
    elif op == "bmm":
        batch = d.size()
        a, b = [batch, m, k], [batch, k, n]
    else:
        left, right = d.broadcast_shapes()
        a, b = left[-2:] + [m, k], right[-2:] + [k, n]
        if op == "matmul" and d.chance(0.2):
            a = [k]
        if op == "matmul" and d.chance(0.2):
            b = [k]
    attrs = {}
    if op == "gemm":
        attrs = {"transpose_a": d.chance(0.5), "transpose_b": d.chance(0.5)}
        a = a[:-2] + a[:-3:-1] if attrs["transpose_a"] else a
        b = b[:-2] + b[:-3:-1] if attrs["transpose_b"] else b

    def reference(t, at):
        if op != "gemm":
            return getattr(torch, op)(t[0], t[1])
        return torch.matmul(t[0].mT if at["transpose_a"] else t[0], t[1].mT if at["transpose_b"] else t[1])
    return [d.values(a, style=style), d.values(b, d.odd_dtype(), style)], attrs, reference


@draws("linear")
def linear(d, op):
    style = product_style(d)
    _, k, n = product_sizes(d)
    inputs = [d.values(d.shape(0, 3, most=600) + [k], style=style), d.values([n, k], d.odd_dtype(), style),
              d.values([n], style=style) if d.chance(0.6) else None]
    if d.chance(0.1):
        inputs[1] = d.values([k], style=style)
        inputs[2] = d.values([], style=style) if d.chance(0.5) else None
    attrs = {"activation": d.pick("none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh")} if d.chance(0.5) else {}
    functions = {"none": lambda x: x, "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh")}

    def reference(t, a):
        y = functional.linear(t[0], t[1], t[2])
        kind = a.get("activation", "none")
        return functions[kind](y) if kind in functions else getattr(functional, kind)(y)
    return inputs, attrs, reference


@draws("arange")
def arange(d, op):
    whole = d.chance(0.5)
    start, end, step = ((d.integer(-5, 5), d.integer(-9, 20), d.pick(1, 2, 3, -1, -2)) if whole else
                        (d.pick(0.5, -1.25, 0), d.pick(4.5, 3, -2.5), d.pick(0.5, 0.3, 1, -0.7)))
    attrs = {key: value for key, value in (("start", start), ("step", step)) if d.chance(0.6)}
    attrs = d.attrs(**attrs, end=end, dtype=d.pick(None, "f32", "f64", "i64", "i32", "bf16", "u8"))

    def reference(t, a):
        return torch.arange(a.get("start") or 0, a["end"], 1 if a.get("step") is None else a["step"],
                            dtype=DTYPES[a["dtype"]] if a.get("dtype") else None)
    return [], attrs, reference


@draws("full")
def full(d, op):
    target = d.random.choice(FLOATS)
    attrs = {"size": d.shape(), "fill_value": d.pick(0, 1.5, -2, float("nan"), float("inf")), "dtype": NAMES[target]}
    return [], attrs, lambda t, a: torch.full(a["size"], a["fill_value"], dtype=DTYPES[a["dtype"]])
