# SPDX-License-Identifier: Apache-2.0
"""Random cases of reductions, orders, indexing and movement."""

import torch
from torch.nn import functional

from random_draw import FLOATS, draws, given
from torch_cases import DTYPES, NAMES


@draws("sum", "mean", "prod", "amax", "amin", "any", "all", "logsumexp", "var", "std", "norm")
def reduction(d, op):
    x = d.tensor()
    dim = d.pick(None, "given", "given") and d.dim_or_dims(x.dim())
    if op == "prod" and isinstance(dim, list):
        dim = d.dim(x.dim())
    if op == "logsumexp" and dim is None:
        dim = d.dim(x.dim())
    attrs = d.attrs(dim=dim, keepdim=d.pick(None, True, False))
    attrs.pop("keepdim") if attrs.get("keepdim", 0) is None else None
    if op in ("sum", "mean", "prod") and d.chance(0.3):
        attrs["dtype"] = NAMES[d.random.choice(FLOATS + (torch.int64, torch.int32))]
    if op in ("var", "std") and d.chance(0.5):
        attrs["correction"] = d.pick(0, 1, 2, 0.5, 5)
    if op == "norm":
        attrs.update(d.pick({}, {"p": d.pick(0, 1, 2, 3, 0.5, -1, float("inf"), float("-inf"))}))
    # PyTorch's gradient by an empty list of dims is not divided by the count.
    d.gradient = op not in ("var", "std") or attrs.get("dim") != []
    return [x], attrs, lambda t, a: reduced(op, t[0], a)


def reduced(op, x, attrs):
    dim, keep = attrs.get("dim"), attrs.get("keepdim", False)
    more = {"dtype": DTYPES[attrs["dtype"]]} if attrs.get("dtype") else {}
    if op in ("var", "std"):
        correction = attrs.get("correction", 1)
        return getattr(torch, op)(x, dim=dim, correction=correction, keepdim=keep)
    if op == "norm":
        return torch.linalg.vector_norm(x, attrs.get("p", 2), dim=dim, keepdim=keep)
    if op in ("amax", "amin"):
        return getattr(torch, op)(x, dim=() if dim is None else dim, keepdim=keep)
    if dim is None and op in ("prod", "sum", "mean", "any", "all"):
        y = getattr(torch, op)(x, **more)
        return y.reshape([1] * x.dim()) if keep else y
    return getattr(torch, op)(x, dim, keep, **more)


@draws("argmax", "argmin")
def arg_extreme(d, op):
    x = d.tensor()
    attrs = d.attrs(dim=d.pick(None, "given") and d.dim(x.dim()))
    if d.chance(0.5):
        attrs["keepdim"] = d.chance(0.5)
    return [x], attrs, lambda t, a: getattr(torch, op)(t[0], a.get("dim"), a.get("keepdim", False))


@draws("cumsum")
def cumsum(d, op):
    x = d.tensor()
    attrs = {"dim": d.dim(x.dim())}
    if d.chance(0.3):
        attrs["dtype"] = NAMES[d.random.choice(FLOATS + (torch.int64, torch.int32))]
    if d.chance(0.3):
        attrs["reverse"] = d.chance(0.5)

    def reference(t, a):
        more = {"dtype": DTYPES[a["dtype"]]} if a.get("dtype") else {}
        if not a.get("reverse"):
            return torch.cumsum(t[0], a["dim"], **more)
        return torch.cumsum(t[0].flip(a["dim"]), a["dim"], **more).flip(a["dim"])
    return [x], attrs, reference


@draws("sort")
def sort(d, op):
    x = d.tensor()
    attrs = {"stable": True}
    attrs.update({"dim": d.dim(x.dim())} if d.chance(0.7) else {})
    attrs.update({"descending": d.chance(0.6)} if d.chance(0.7) else {})
    return [x], attrs, lambda t, a: torch.sort(t[0], stable=True, dim=a.get("dim", -1),
                                               descending=a.get("descending", False))


@draws("topk")
def topk(d, op):
    x = d.tensor()
    dim = d.dim(x.dim())
    count = x.shape[dim] if x.dim() and -x.dim() <= dim < x.dim() else 1
    attrs = {"k": d.integer(0, count + (1 if d.chance(0.05) else 0)), "dim": dim}
    attrs.update({"largest": d.chance(0.5)} if d.chance(0.7) else {})
    attrs.update({"sorted": True} if d.chance(0.3) else {})

    d.gradient = x.numel() == x.unique().numel()  # which of equal values an index names is left open
    def reference(t, a):
        return torch.topk(t[0], a["k"], a.get("dim", -1), a.get("largest", True), True)[: 2 if d.gradient else 1]
    return [x], attrs, reference


@draws("softmax", "log_softmax")
def softmax(d, op):
    x = d.tensor()
    attrs = {"dim": d.dim(x.dim())}
    return [x], attrs, lambda t, a: getattr(torch, op)(t[0], a["dim"])


@draws("reshape")
def reshape(d, op):
    x = d.tensor(0, 5)
    shape = list(x.flatten().shape) if d.chance(0.2) else d.random.sample(list(x.shape), x.dim())
    if len(shape) > 1 and d.chance(0.4):
        shape = [shape[0] * shape[1], *shape[2:]]
    if shape and d.chance(0.5):
        shape[d.integer(0, len(shape) - 1)] = -1
    if x.numel() == 1 and d.chance(0.3):
        shape = []
    return [x], {"shape": shape}, lambda t, a: t[0].reshape(a["shape"])


@draws("flatten")
def flatten(d, op):
    x = d.tensor(0, 5)
    attrs = {}
    if d.chance(0.7):
        attrs["start_dim"] = d.dim(x.dim())
    if d.chance(0.7):
        attrs["end_dim"] = d.dim(x.dim())
    return [x], attrs, lambda t, a: torch.flatten(t[0], a.get("start_dim", 0), a.get("end_dim", -1))


@draws("permute", "transpose", "squeeze", "unsqueeze", "flip", "roll", "tril", "triu")
def movement(d, op):
    x = d.tensor(0, 5)
    rank = x.dim()
    attrs = {}
    if op == "permute":
        attrs = {"dims": [i - rank if d.chance(0.4) else i for i in d.random.sample(range(rank), rank)]}
    elif op == "transpose":
        attrs = {"dim0": d.dim(rank), "dim1": d.dim(rank)}
    elif op == "squeeze":
        attrs = d.attrs(dim=d.pick(None, "given") and d.dim_or_dims(rank))
    elif op == "unsqueeze":
        attrs = {"dim": d.integer(-rank - 1, rank)}
    elif op == "flip":
        attrs = {"dims": d.dims(rank)}
    elif op == "roll":
        dims = d.dims(rank)
        attrs = ({"shifts": [d.integer(-9, 9) for _ in dims], "dims": dims} if dims else
                 {"shifts": d.pick(d.integer(-9, 9), [d.integer(-9, 9)])})
    elif d.chance(0.7):
        attrs = {"diagonal": d.integer(-5, 5)}

    def reference(t, a):
        if op == "squeeze":
            dim = a.get("dim")
            return torch.squeeze(t[0]) if dim is None else torch.squeeze(t[0], dim if isinstance(dim, int) else tuple(dim))
        if op == "permute":
            return t[0].permute(a["dims"])
        return getattr(torch, op)(t[0], **given(a, *a))
    return [x], attrs, reference


@draws("expand", "repeat", "tile")
def repeats(d, op):
    x = d.tensor(0, 3)
    added = d.integer(0, 2)
    if op == "expand":
        size = [d.size() for _ in range(added)] + [d.size() if n == 1 else d.pick(n, -1) for n in x.shape]
        return [x], {"size": size}, lambda t, a: t[0].expand(a["size"])
    count = x.dim() + added if op == "repeat" else max(0, x.dim() + d.integer(-2, 2))
    times = [d.pick(0, 1, 1, 2, 3) for _ in range(count)]
    return [x], {"repeats" if op == "repeat" else "dims": times}, lambda t, a: getattr(t[0], op)(*[list(a.values())[0]])


@draws("cat", "stack")
def joined(d, op):
    first = d.tensor(1 if op == "cat" else 0, 4)
    dim = d.dim(first.dim() + (op == "stack"))
    shapes = [list(first.shape) for _ in range(d.integer(0, 3))]
    if op == "cat" and -first.dim() <= dim < first.dim():
        for shape in shapes:
            shape[dim] = d.size()
    if op == "cat" and d.chance(0.1):
        shapes.append([0])
    inputs = [first] + [d.values(s, d.other_dtype()) for s in shapes]
    attrs = {"dim": dim} if d.chance(0.8) else {}
    return inputs, attrs, lambda t, a: getattr(torch, op)(t, a.get("dim", 0))


@draws("split")
def split(d, op):
    x = d.tensor(1, 4)
    dim = d.integer(-x.dim(), x.dim() - 1)
    count = x.shape[dim]
    if d.chance(0.5):
        sizes = d.integer(1, count + 2)
    else:
        first = d.integer(0, count)
        sizes = [first, count - first] if d.chance(0.7) else [count]
    attrs = {"split_size_or_sections": sizes, "dim": dim}
    return [x], attrs, lambda t, a: list(torch.split(t[0], a["split_size_or_sections"], a.get("dim", 0)))


@draws("slice")
def slice_case(d, op):
    x = d.tensor(1, 4)
    attrs = d.attrs(start=d.pick(None, d.integer(-12, 12)), end=d.pick(None, d.integer(-12, 12)))
    if d.chance(0.7):
        attrs["dim"] = d.dim(x.dim())
    if d.chance(0.5):
        attrs["step"] = d.integer(1, 4)
    return [x], attrs, lambda t, a: torch.ops.aten.slice(t[0], a.get("dim", 0), a.get("start"), a.get("end"), a.get("step", 1))


@draws("pad")
def pad(d, op):
    mode = d.pick("constant", "constant", "reflect", "replicate", "circular")
    x = d.tensor(0 if mode == "constant" else 2, 5)
    most = x.dim() if mode == "constant" else min(3, x.dim() - 1)
    dims = d.integer(0, most) if mode == "constant" else d.integer(max(1, x.dim() - 2), most)
    low = -2 if mode == "constant" else -1 if d.chance(0.2) else 0
    attrs = {"pad": [d.integer(low, 3) for _ in range(2 * dims)]}
    if mode != "constant" or d.chance(0.3):
        attrs["mode"] = mode
    if mode == "constant" and d.chance(0.5):
        attrs["value"] = d.pick(1.5, -2, float("nan"), float("inf"), 1)
    return [x], attrs, lambda t, a: functional.pad(t[0], a["pad"], a.get("mode", "constant"), a.get("value"))


@draws("gather", "scatter", "scatter_add", "index_add", "index_select")
def indexed(d, op):
    x = d.tensor(0, 3)
    dim = d.dim(x.dim())
    valid = -max(x.dim(), 1) <= dim < max(x.dim(), 1)
    count = (x.shape[dim] if x.dim() else 1) if valid else 1
    kind = d.pick(torch.int64, torch.int64, torch.int32)
    attrs = {"dim": dim}
    if op in ("index_select", "index_add"):
        chosen = d.index([d.size()] if x.dim() or d.chance(0.5) else [], count, kind)
        if op == "index_select":
            return [x, chosen], attrs, lambda t, a: torch.index_select(t[0], a["dim"], t[1])
        shape = list(x.shape)
        if shape and valid:
            shape[dim] = chosen.numel()
        elif chosen.dim():
            chosen = chosen[:1]
        attrs.update({"alpha": d.pick(1, 2, -0.5, 3)} if d.chance(0.5) else {})
        return ([x, chosen, d.values(shape)], attrs,
                lambda t, a: torch.index_add(t[0], a["dim"], t[1], t[2], alpha=a.get("alpha", 1)))
    shape = [d.integer(0, n) if d.chance(0.3) else n for n in x.shape]
    if shape and valid:
        shape[dim] = d.size()
    chosen = d.index(shape, count, kind)
    if op == "gather":
        return [x, chosen], attrs, lambda t, a: torch.gather(t[0], a["dim"], t[1])
    if op == "scatter" and valid and chosen.numel():  # each place once: which write wins is left open
        place = torch.argsort(torch.rand(chosen.shape, generator=d.generator), dim if x.dim() else 0)
        chosen = torch.where(place < count, place, 0).to(kind) if x.dim() == 0 or chosen.shape[dim] <= count else \
            torch.zeros(0).to(kind)
        if chosen.numel() == 0:
            chosen = chosen.reshape([0] * max(1, x.dim()))
    if op == "scatter" and d.chance(0.4):
        attrs["value"] = d.pick(0, 1, -1, 2.5)
        return [x, chosen], attrs, lambda t, a: torch.scatter(t[0], a["dim"], t[1], a["value"])
    source = d.values([n + (d.integer(0, 2) if d.chance(0.2) else 0) for n in chosen.shape])
    return [x, chosen, source], attrs, lambda t, a: getattr(torch, op)(t[0], a["dim"], t[1], t[2])


@draws("one_hot")
def one_hot(d, op):
    count = d.integer(1, 7)
    x = d.index(d.shape(0, 3), count)
    attrs = d.pick({}, {"num_classes": count}, {"num_classes": -1}, {"num_classes": count + 2})
    return [x], attrs, lambda t, a: functional.one_hot(t[0], a.get("num_classes", -1))


@draws("embedding")
def embedding(d, op):
    rows, width = max(1, d.size()), d.size()
    x = d.index(d.shape(0, 3), rows, d.pick(torch.int64, torch.int32))
    attrs = d.attrs(padding_idx=d.pick(None, None, d.integer(-rows, rows - 1)))
    if d.chance(0.3):
        attrs["scale_grad_by_freq"] = d.chance(0.7)
    return ([x, d.values([rows, width], d.floating())], attrs,
            lambda t, a: functional.embedding(t[0], t[1], a.get("padding_idx"),
                                              scale_grad_by_freq=a.get("scale_grad_by_freq", False)))
