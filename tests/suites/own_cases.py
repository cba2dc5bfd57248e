# SPDX-License-Identifier: Apache-2.0
"""Cases where OpInfo has none: what is ours, ONNX's, or a module of PyTorch rather than a function."""

import torch

from torch_cases import Case, NAMES

BUILDERS = {}


def builder(name):
    def register(function):
        BUILDERS[name] = function
        return function

    return register


def has(name):
    return name in BUILDERS


def cases_of(name, dtype):
    if name not in BUILDERS:
        return []
    torch.manual_seed(5)
    cases = list(BUILDERS[name](dtype))
    for index, case in enumerate(cases):
        case.text = case.text or f"own case {index}"
    return cases


def values(dtype, *shape, low=-1.0, high=1.0):
    return (torch.rand(*shape, dtype=torch.float64) * (high - low) + low).to(dtype)


@builder("cast")
def cast_cases(dtype):
    for target in (torch.float64, torch.float32, torch.int32):
        if not dtype.is_floating_point and target.is_floating_point:
            continue
        x = values(dtype, 3, 5, low=-9, high=9)
        yield Case("cast", {"dtype": NAMES[target]}, [x], lambda t, target=target: t[0].to(target))


@builder("rope")
def rope_cases(dtype):
    if not dtype.is_floating_point:
        return
    for interleaved in (False, True):
        for base, offset in ((10000.0, 0), (500.0, 3)):
            def reference(t, interleaved=interleaved, base=base, offset=offset):
                x = t[0]
                length, size = x.shape[-2], x.shape[-1]
                inverse = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
                angle = (torch.arange(length, dtype=torch.float64) + offset)[:, None] * inverse
                cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
                if interleaved:
                    a, b = x[..., 0::2], x[..., 1::2]
                    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
                a, b = x.chunk(2, -1)
                return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
            attrs = {"base": base, "offset": offset, "interleaved": interleaved}
            yield Case("rope", attrs, [values(dtype, 2, 3, 7, 8)], reference)


@builder("hinge_loss")
def hinge_cases(dtype):
    if not dtype.is_floating_point:
        return
    for reduction in ("mean", "sum", "none"):
        x = values(dtype, 5, 3, low=-2, high=2)
        y = (torch.randint(0, 2, (5, 3)) * 2 - 1).to(dtype)
        def reference(t, reduction=reduction):
            loss = (1 - t[0] * t[1]).clamp(min=0)
            return loss if reduction == "none" else getattr(loss, reduction)()
        yield Case("hinge_loss", {"reduction": reduction}, [x, y], reference)


def csr(rows, columns, count):
    """Row pointers and columns of a random sparse matrix."""
    chosen = torch.randperm(rows * columns)[:count].sort().values
    pointers = torch.zeros(rows + 1, dtype=torch.int64)
    pointers[1:] = torch.bincount(chosen // columns, minlength=rows).cumsum(0)
    return pointers, chosen % columns, chosen // columns


@builder("spmm")
def spmm_cases(dtype):
    if not dtype.is_floating_point:
        return
    for rows, columns, width, count in ((4, 5, 3, 7), (1, 1, 1, 1), (3, 6, 2, 0)):
        pointers, column, row = csr(rows, columns, count)
        def reference(t, rows=rows, columns=columns, row=row, column=column):
            dense = torch.zeros(rows, columns, dtype=t[2].dtype).index_put((row, column), t[2])
            return dense @ t[3]
        yield Case("spmm", {}, [pointers, column, values(dtype, count), values(dtype, columns, width)],
                   reference)


@builder("clip_grad_value")
def clip_value_cases(dtype):
    if dtype.is_floating_point:
        yield Case("clip_grad_value", {"clip_value": 0.5}, [values(dtype, 3, 5), values(dtype, 4)],
                   lambda t: [x.clamp(-0.5, 0.5) for x in t])


@builder("global_norm")
def global_norm_cases(dtype):
    if dtype.is_floating_point:
        yield Case("global_norm", {}, [values(dtype, 3, 5), values(dtype, 4)],
                   lambda t: torch.cat([x.flatten() for x in t]).norm())
