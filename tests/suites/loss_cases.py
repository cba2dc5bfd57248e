# SPDX-License-Identifier: Apache-2.0
"""Cases of losses that PyTorch has no function for, written with its functions, and of layers that are modules."""

import torch

from own_cases import builder, values
from torch_cases import Case, NAMES


def reduced(loss, kind):
    return loss if kind == "none" else getattr(loss, kind)()


@builder("focal_loss")
def focal_cases(dtype):
    if not dtype.is_floating_point:
        return
    for reduction in ("mean", "sum", "none"):
        for gamma, alpha, ignore, weighted, extra in (
                (2.0, 1.0, -100, False, ()), (0.5, 0.25, 1, True, (3,)), (0.0, 2.0, -1, True, ()),
                (3.0, 1.0, 0, False, ())):
            x = values(dtype, 7, 4, *extra, low=-4, high=4)
            target = torch.randint(0, 4, (7, *extra))
            target[0] = ignore
            weight = values(dtype, 4, low=0.5, high=2) if weighted else None

            def reference(t, gamma=gamma, alpha=alpha, ignore=ignore, reduction=reduction):
                logp = t[0].log_softmax(1)
                known = t[1] != ignore
                index = torch.where(known, t[1], torch.zeros_like(t[1]))
                picked = logp.gather(1, index.unsqueeze(1)).squeeze(1)
                counts = known.to(logp.dtype) * (1 if t[2] is None else t[2][index])
                loss = -alpha * (1 - picked.exp()) ** gamma * picked * counts
                return loss.sum() / counts.sum() if reduction == "mean" else reduced(loss, reduction)
            attrs = {"gamma": gamma, "alpha": alpha, "ignore_index": ignore, "reduction": reduction}
            yield Case("focal_loss", attrs, [x, target, weight], reference)


@builder("rmse_loss")
def rmse_cases(dtype):
    if dtype.is_floating_point:
        for x, y in (((5, 3), (5, 3)), ((33,), (33,)), ((4, 1), (3,)), ((), ())):
            yield Case("rmse_loss", {}, [values(dtype, *x, low=-2, high=2), values(dtype, *y)],
                       lambda t: ((t[0] - t[1]) ** 2).mean().sqrt())


@builder("distillation_loss")
def distillation_cases(dtype):
    if not dtype.is_floating_point:
        return
    functional = torch.nn.functional
    for reduction in ("mean", "sum", "none"):
        for temperature, alpha, extra in ((1.0, 0.5, ()), (4.0, 0.9, (3,)), (2.0, 1.0, ()), (0.5, 0.0, ())):
            def reference(t, temperature=temperature, alpha=alpha, reduction=reduction):
                soft = functional.kl_div((t[0] / temperature).log_softmax(1), (t[1] / temperature).log_softmax(1),
                                         reduction="none", log_target=True).sum(1)
                loss = alpha * temperature ** 2 * soft
                if alpha < 1:
                    loss = loss + (1 - alpha) * functional.cross_entropy(t[0], t[2], reduction="none")
                return reduced(loss, reduction)
            target = torch.randint(0, 5, (6, *extra)) if alpha < 1 else None
            yield Case("distillation_loss", {"temperature": temperature, "alpha": alpha, "reduction": reduction},
                       [values(dtype, 6, 5, *extra, low=-3, high=3), values(dtype, 6, 5, *extra, low=-3, high=3),
                        target], reference)


@builder("gaussian_nll_loss")
def gaussian_cases(dtype):
    if not dtype.is_floating_point:
        return
    for reduction in ("mean", "sum", "none"):
        for shape, full, eps in (((5, 3), False, 1e-6), ((5, 1), True, 1e-3), ((5,), False, 1e-6)):
            yield Case("gaussian_nll_loss", {"full": full, "eps": eps, "reduction": reduction},
                       [values(dtype, 5, 3), values(dtype, 5, 3), values(dtype, *shape, low=0.2, high=2)],
                       lambda t, full=full, eps=eps, reduction=reduction: torch.nn.functional.gaussian_nll_loss(
                           t[0], t[1], t[2], full=full, eps=eps, reduction=reduction))


@builder("elbo_loss")
def elbo_cases(dtype):
    if not dtype.is_floating_point:
        return
    for kind in ("bernoulli", "gaussian"):
        for reduction, beta in (("mean", 1.0), ("sum", 4.0)):
            def reference(t, kind=kind, reduction=reduction, beta=beta):
                binary = torch.nn.functional.binary_cross_entropy_with_logits
                terms = binary(t[0], t[1], reduction="none") if kind == "bernoulli" else (t[0] - t[1]) ** 2 / 2
                kl = (t[2] ** 2 + t[3].exp() - 1 - t[3]) / 2
                samples = t[0].shape[0] if reduction == "mean" else 1
                return [(terms.sum() + beta * kl.sum()) / samples, terms.sum() / samples, kl.sum() / samples]
            yield Case("elbo_loss", {"reconstruction": kind, "reduction": reduction, "beta": beta},
                       [values(dtype, 5, 3, 2, low=-3, high=3), values(dtype, 5, 3, 2, low=0),
                        values(dtype, 5, 4, low=-2, high=2), values(dtype, 5, 4)], reference)


@builder("gan_discriminator_loss")
def discriminator_cases(dtype):
    if dtype.is_floating_point:
        for reduction in ("mean", "sum"):
            yield Case("gan_discriminator_loss", {"reduction": reduction},
                       [values(dtype, 5, 1, low=-9, high=9), values(dtype, 7, low=-9, high=9)],
                       lambda t, reduction=reduction: reduced(torch.nn.functional.softplus(-t[0]), reduction)
                       + reduced(torch.nn.functional.softplus(t[1]), reduction))


@builder("gan_generator_loss")
def generator_cases(dtype):
    if dtype.is_floating_point:
        for form in ("minimax", "non_saturating"):
            for reduction in ("mean", "sum", "none"):
                def reference(t, form=form, reduction=reduction):
                    softplus = torch.nn.functional.softplus
                    return reduced(-softplus(t[0]) if form == "minimax" else softplus(-t[0]), reduction)
                yield Case("gan_generator_loss", {"form": form, "reduction": reduction},
                           [values(dtype, 5, 3, low=-9, high=9)], reference)


@builder("multi_head_attention")
def multi_head_cases(dtype):
    if not dtype.is_floating_point:
        return
    for heads, batch, length, keys, width, mask_kind in (
            (2, 3, 5, 7, 8, None), (4, 1, 1, 3, 4, "bool"), (1, 2, 4, 4, 3, "causal"), (3, 2, 5, 6, 9, "added"),
            (2, None, 3, 5, 6, None), (2, 2, 33, 35, 16, None), (2, 2, 3, 4, 6, "heads")):
        biased = mask_kind != "added"
        lead = () if batch is None else (batch,)
        inputs = [values(dtype, *lead, length, width), values(dtype, *lead, keys, width),
                  values(dtype, *lead, keys, width), values(dtype, 3 * width, width),
                  values(dtype, 3 * width) if biased else None,
                  values(dtype, width, width), values(dtype, width) if biased else None, None]
        if mask_kind == "bool":
            inputs[7] = torch.tensor([[False, True, False]])
        elif mask_kind == "heads":
            inputs[7] = torch.rand(batch * heads, length, keys) < 0.3
            inputs[7][..., 0] = False
        elif mask_kind == "added":
            inputs[7] = values(dtype, length, keys)

        def reference(t, heads=heads, causal=mask_kind == "causal"):
            module = torch.nn.MultiheadAttention(t[0].shape[-1], heads, bias=t[4] is not None, batch_first=True,
                                                 dtype=t[0].dtype)
            given = {"in_proj_weight": t[3], "out_proj.weight": t[5]}
            if t[4] is not None:
                given.update({"in_proj_bias": t[4], "out_proj.bias": t[6]})
            mask = t[7]
            if causal:
                mask = torch.ones(t[0].shape[-2], t[1].shape[-2], dtype=torch.bool).triu(1)
            return torch.func.functional_call(module, given, (t[0], t[1], t[2]),
                                              {"attn_mask": mask, "need_weights": False})[0]
        yield Case("multi_head_attention", {"num_heads": heads, "is_causal": mask_kind == "causal"}, inputs, reference)


@builder("sinusoidal_positions")
def sinusoidal_cases(dtype):
    if not dtype.is_floating_point:
        return
    for length, width, base in ((9, 8, 10000.0), (5, 7, 500.0), (1, 1, 10000.0), (300, 64, 10000.0)):
        def reference(_, length=length, width=width, base=base):
            column = torch.arange(width, dtype=torch.float64)
            angle = torch.arange(length, dtype=torch.float64)[:, None] / base ** ((column - column % 2) / width)
            return torch.where(column % 2 == 0, angle.sin(), angle.cos()).to(dtype)
        yield Case("sinusoidal_positions", {"length": length, "width": width, "base": base, "dtype": NAMES[dtype]}, [],
                   reference)
