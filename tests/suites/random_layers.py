# SPDX-License-Identifier: Apache-2.0
"""Random cases of convolutions, pools, norms and losses."""

import torch
from torch.nn import functional

from random_draw import draws, given

STYLES = ("unit", "unit", "unit", "wide", "wide", "ties", "ties", "special")


@draws("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def convolution(d, op):
    n, transposed = int(op[-2]), "transpose" in op
    groups = d.pick(1, 1, 1, 2, 3)
    inner, outer = (d.pick(1, 3, 8, 15, 16, 17, 33) if d.chance(0.12) else d.integer(1, 5) for _ in range(2))
    style = d.pick(*STYLES)
    sizes = [d.integer(1, 9 if n > 1 else 40) for _ in range(n)]
    sizes[-1] = d.pick(31, 33, 64, 65) if n < 3 and d.chance(0.1) else sizes[-1]
    kernel = [d.integer(1, 4) for _ in range(n)]
    batch = [d.integer(0, 3)] if d.chance(0.85) else []
    x = d.values(batch + [groups * inner] + sizes, style=style)
    weight = d.values(([groups * inner, outer] if transposed else [groups * outer, inner]) + kernel, style=style)
    bias = d.values([groups * outer], style=style) if d.chance(0.6) else None
    attrs = {} if groups == 1 and d.chance(0.5) else {"groups": groups}
    if d.chance(0.6):
        attrs["stride"] = d.one_or_list(n, 1, 3)
    if d.chance(0.6):
        attrs["padding"] = d.one_or_list(n, 0, 3)
    if d.chance(0.4):
        attrs["dilation"] = d.one_or_list(n, 1, 3)
    if not transposed and d.chance(0.2):
        attrs["padding"] = d.pick("same", "valid")
        attrs.pop("stride", None) if d.chance(0.8) else None
    if transposed and d.chance(0.4):
        attrs["output_padding"] = d.one_or_list(n, 0, 2)
    return [x, weight, bias], attrs, lambda t, a: getattr(functional, op)(t[0], t[1], t[2], **given(a, *a))


@draws("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d")
def pool(d, op):
    n = int(op[-2])
    sizes = [d.integer(1, 9 if n > 1 else 40) for _ in range(n)]
    x = d.values([d.integer(0, 3)] * d.chance(0.85) + [d.integer(1, 4)] + sizes)
    attrs = {"kernel_size": d.one_or_list(n, 1, 4)}
    if d.chance(0.6):
        attrs["stride"] = d.one_or_list(n, 1, 4)
    if d.chance(0.5):
        attrs["padding"] = d.one_or_list(n, 0, 2)
    if d.chance(0.5):
        attrs["ceil_mode"] = d.chance(0.7)
    if op.startswith("max") and d.chance(0.4):
        attrs["dilation"] = d.one_or_list(n, 1, 3)
    if op.startswith("avg"):
        attrs.update({"count_include_pad": d.chance(0.4)} if d.chance(0.5) else {})
        attrs.update({"divisor_override": d.pick(1, 3, -2)} if n > 1 and d.chance(0.2) else {})
    more = {"return_indices": True} if op.startswith("max") else {}
    return [x], attrs, lambda t, a: getattr(functional, op)(t[0], **given(a, *a), **more)


@draws(*(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)))
def adaptive(d, op):
    n = int(op[-2])
    x = d.values([d.integer(0, 3)] * d.chance(0.85) + [d.integer(1, 4)] + [d.integer(1, 9) for _ in range(n)])
    size = d.integer(1, 6) if d.chance(0.3) else [d.integer(0 if d.chance(0.1) else 1, 6) for _ in range(n)]
    if n > 1 and isinstance(size, list) and d.chance(0.2):
        size[0] = None
    more = {"return_indices": True} if "max" in op else {}
    return [x], {"output_size": size}, lambda t, a: getattr(functional, op)(t[0], a["output_size"], **more)


def rms_norm(x, size, weight, eps=None):
    """Where 2 x overflows, which PyTorch's gradient forms, by a product."""
    if x.dtype != torch.float64 or not (x.isfinite() & (x.abs() > torch.finfo(x.dtype).max / 2)).any():
        return functional.rms_norm(x, size, weight, eps)
    dims = list(range(-len(size), 0))
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    y = x * torch.rsqrt((x * x).mean(dims, keepdim=True) + eps)
    return y if weight is None else y * weight


@draws("layer_norm", "rms_norm")
def row_norm(d, op):
    shape = d.shape(1, 4)
    count = d.integer(1, len(shape))
    tail = shape[len(shape) - count:]
    attrs = {"normalized_shape": tail[0] if count == 1 and d.chance(0.3) else tail}
    if d.chance(0.4):
        attrs["eps"] = d.pick(1e-3, 0.1, 0.0, 1e-12)
    inputs = [d.values(shape), d.values(tail) if d.chance(0.6) else None]
    if op == "layer_norm":
        inputs.append(d.values(tail) if d.chance(0.6) else None)

    def reference(t, a):
        size = a["normalized_shape"]
        size = [size] if isinstance(size, int) else size
        function = rms_norm if op == "rms_norm" else functional.layer_norm
        return function(t[0], size, *t[1:], **given(a, "eps"))
    return inputs, attrs, reference


@draws("group_norm")
def group_norm(d, op):
    groups = d.integer(1, 4)
    channels = groups * d.integer(1, 4)
    x = d.values([d.integer(0 if d.chance(0.1) else 1, 4), channels] + d.shape(0, 3, most=100))
    inputs = [x, d.values([channels]) if d.chance(0.6) else None, d.values([channels]) if d.chance(0.6) else None]
    attrs = {"num_groups": groups, **({"eps": 1e-2} if d.chance(0.3) else {})}
    return inputs, attrs, lambda t, a: functional.group_norm(t[0], a["num_groups"], t[1], t[2], a.get("eps", 1e-5))


@draws("batch_norm", "instance_norm")
def batch_norm(d, op):
    low = 0 if op == "batch_norm" else 1
    shape = [d.integer(1, 5), d.integer(1, 6)] + d.shape(low, 3, empty=0.01, most=200)
    style = d.pick(*STYLES, "special")
    flag = "training" if op == "batch_norm" else "use_input_stats"
    attrs = {flag: d.chance(0.6)} if d.chance(0.8) else {}
    if d.chance(0.4):
        attrs["momentum"] = d.pick(0.3, 0.0, 1.0)
    if d.chance(0.3):
        attrs["eps"] = d.pick(1e-2, 1e-8)
    channels = shape[1]
    running = d.chance(0.7) or not attrs.get(flag, op != "batch_norm")
    d.gradient = op != "batch_norm" or not running or d.chance(0.5)  # else the running statistics are
    with_statistics = not d.gradient
    inputs = [d.values(shape, style=style), d.values([channels], style="unit") if running else None,
              d.positive([channels]) if running else None, d.values([channels], style="unit") if d.chance(0.6) else None,
              d.values([channels], style="unit") if d.chance(0.6) else None]

    def reference(t, a):
        mean, var = (None if x is None else x.detach().clone() for x in t[1:3])
        default = op != "batch_norm"
        y = getattr(functional, op)(t[0], mean, var, t[3], t[4], a.get(flag, default),
                                    a.get("momentum", 0.1), a.get("eps", 1e-5))
        return [y, mean, var] if with_statistics else [y]
    return inputs, attrs, reference


@draws("global_avg_pool", "global_max_pool")
def global_pool(d, op):
    x = d.values([d.integer(1, 3), d.integer(1, 4)] + [d.integer(1, 9) for _ in range(d.integer(1, 3))])
    pools = getattr(functional, "adaptive_" + ("avg" if "avg" in op else "max") + f"_pool{x.dim() - 2}d")
    return [x], {}, lambda t, a: pools(t[0], 1)


@draws("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "kl_div", "hinge_loss")
def loss(d, op):
    shape = d.shape()
    x, y = d.values(shape), d.values(shape, d.odd_dtype())
    if not x.is_floating_point() and d.chance(0.7):
        y = d.values(shape, d.pick(torch.float32, torch.float64, torch.bfloat16))
    attrs = d.reduction()
    if op in ("mse_loss", "l1_loss") and d.chance(0.15):
        x, y = (d.values(s) for s in d.broadcast_shapes())
    if op == "huber_loss" and d.chance(0.6):
        attrs["delta"] = d.pick(0.5, 2.0, 1)
    if op == "smooth_l1_loss" and d.chance(0.6):
        attrs["beta"] = d.pick(0.5, 0.0, 2)
    if op == "kl_div":
        y = d.positive(shape, low=0.0) if d.chance(0.8) else y
        attrs.update({"log_target": d.chance(0.6)} if d.chance(0.6) else {})
        attrs.update({"reduction": "batchmean"} if d.chance(0.3) else {})
    if op == "hinge_loss":
        return [x, d.values(shape, torch.bool).to(d.dtype) * 2 - 1], attrs, hinge
    return [x, y], attrs, lambda t, a: getattr(functional, op)(t[0], t[1], **given(a, *a))


def hinge(t, a):
    value = (1 - t[0] * t[1]).relu()
    kind = a.get("reduction", "mean")
    return value if kind == "none" else getattr(value, kind)()


@draws("binary_cross_entropy_with_logits")
def binary_cross_entropy(d, op):
    shape = d.shape()
    inputs = [d.values(shape), d.positive(shape, low=0, high=1), d.positive(shape) if d.chance(0.4) else None,
              d.positive(shape[-1:]) if d.chance(0.4) else None]
    return inputs, d.reduction(), lambda t, a: functional.binary_cross_entropy_with_logits(
        t[0], t[1], t[2], pos_weight=t[3], **given(a, *a))


@draws("cross_entropy", "nll_loss")
def class_loss(d, op):
    classes = d.integer(1, 9) if d.chance(0.9) else 130
    batch, extra = d.integer(0 if d.chance(0.15) else 1, 6), d.shape(0, 3, most=40)
    shape = [classes] if d.chance(0.15) else [batch, classes, *extra]
    target_shape = shape[:1] * 0 if len(shape) == 1 else [batch, *extra]
    x = d.values(shape)
    weight = d.positive([classes]) if d.chance(0.4) else None
    attrs = d.reduction()
    probabilities = op == "cross_entropy" and d.chance(0.3)
    if probabilities:
        target = d.positive(shape)
    else:
        target = d.index(target_shape, classes)
        if d.chance(0.4):
            attrs["ignore_index"] = ignored = d.pick(0, -100, -1, classes - 1)
            drop = torch.rand(target.shape, generator=d.generator) < d.pick(0.3, 1.0)
            target = torch.where(drop, ignored, target).to(target.dtype)
    if op == "cross_entropy" and d.chance(0.4):
        attrs["label_smoothing"] = d.pick(0.1, 0.5, 1.0, 0.0)

    def reference(t, a):
        return getattr(functional, op)(t[0], t[1], t[2], **given(a, *a))
    return [x, target, weight], attrs, reference
