# SPDX-License-Identifier: Apache-2.0
"""Cases of the ops that the public ones are made of: gradients as ops, general pooling and convolution,
the recurrence of one layer, optimizer steps made of differentiable ops."""

import torch
from torch.nn import functional

from own_cases import Step, builder, csr, scalar, step_case, values
from torch_cases import Case

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
POOLS = {1: "pool1d", 2: "pool2d", 3: "pool3d"}


def floats(function):
    """A builder that has nothing for integers and bool."""
    return lambda dtype: list(function(dtype)) if dtype in FLOATS else []


def adjoint(forward, shape, grad):
    """The gradient of a function that is linear in a tensor of this shape, itself differentiable in `grad`."""
    point = torch.zeros(shape, dtype=grad.dtype, requires_grad=True)
    return torch.autograd.grad(forward(point), point, grad, create_graph=True)[0]


def gradient_at(forward, point, grad):
    leaf = point if point.requires_grad else point.detach().requires_grad_(True)
    return torch.autograd.grad(forward(leaf), leaf, grad, create_graph=True)[0]


def planes(x, dims):
    """(planes, 1, last dims): PyTorch pools no more than two dims before the pooled ones."""
    return x.reshape(-1, 1, *x.shape[x.dim() - dims:])


def pooled(function, x, dims, **attrs):
    y = function(planes(x, dims), **attrs)
    return y.reshape(*x.shape[: x.dim() - dims], *y.shape[2:])


def statistics_dtype(dtype):
    """Saved statistics of reduced floats are f32."""
    return dtype if dtype in (torch.float64, torch.float32) else torch.float32


POOL_CASES = [((2, 3, 7), {"kernel_size": [3]}),
              ((2, 3, 6, 5), {"kernel_size": [2, 3], "stride": [2, 1], "padding": [1, 1]}),
              ((2, 2, 2, 3, 6, 5), {"kernel_size": [2, 2], "ceil_mode": True}),
              ((1, 2, 5, 4, 4), {"kernel_size": [2, 3, 2], "stride": [1, 2, 1]})]


@builder("avg_pool")
@floats
def avg_pool_cases(dtype):
    for shape, attrs in POOL_CASES:
        n = len(attrs["kernel_size"])
        pool = getattr(functional, "avg_" + POOLS[n])
        yield Case("avg_pool", attrs, [values(dtype, *shape)],
                   lambda t, n=n, pool=pool, attrs=attrs: pooled(pool, t[0], n, **attrs))


@builder("max_pool")
@floats
def max_pool_cases(dtype):
    for shape, attrs in POOL_CASES:
        n = len(attrs["kernel_size"])
        pool = getattr(functional, "max_" + POOLS[n])
        yield Case("max_pool", attrs, [values(dtype, *shape)],
                   lambda t, n=n, pool=pool, attrs=attrs: pooled(pool, t[0], n, **attrs))


@builder("avg_pool_backward")
@floats
def avg_pool_backward_cases(dtype):
    for shape, attrs in POOL_CASES:
        n = len(attrs["kernel_size"])
        pool = getattr(functional, "avg_" + POOLS[n])
        def forward(x, n=n, pool=pool, attrs=attrs):
            return pooled(pool, x, n, **attrs)
        grad = values(dtype, *forward(torch.zeros(shape)).shape)
        yield Case("avg_pool_backward", {**attrs, "input_size": list(shape[-n:])}, [grad],
                   lambda t, forward=forward, shape=shape: adjoint(forward, shape, t[0]))


@builder("max_pool_backward")
@floats
def max_pool_backward_cases(dtype):
    for planes_, out, size in (((2, 3), (4,), [9]), ((2,), (2, 3), [4, 5])):
        count = int(torch.tensor(size).prod())
        index = torch.randint(0, count, (*planes_, *out))
        def reference(t, planes_=planes_, size=size, count=count):
            rows = t[0].flatten(len(planes_))
            flat = torch.zeros(*planes_, count, dtype=t[0].dtype)
            return flat.scatter_add(-1, t[1].flatten(len(planes_)), rows).reshape(*planes_, *size)
        yield Case("max_pool_backward", {"input_size": size}, [values(dtype, *planes_, *out), index], reference)


ADAPTIVE_CASES = (((2, 3, 7), [3]), ((2, 6, 5), [4, 2]), ((2, 2, 2, 5, 4, 3), [2, 3, 2]))


@builder("adaptive_avg_pool")
@floats
def adaptive_avg_cases(dtype):
    for shape, size in ADAPTIVE_CASES:
        pool = getattr(functional, "adaptive_avg_" + POOLS[len(size)])
        yield Case("adaptive_avg_pool", {"output_size": size}, [values(dtype, *shape)],
                   lambda t, pool=pool, size=size: pooled(pool, t[0], len(size), output_size=size))


@builder("adaptive_max_pool")
@floats
def adaptive_max_cases(dtype):
    for shape, size in ADAPTIVE_CASES:
        pool = getattr(functional, "adaptive_max_" + POOLS[len(size)])
        yield Case("adaptive_max_pool", {"output_size": size}, [values(dtype, *shape)],
                   lambda t, pool=pool, size=size: pooled(pool, t[0], len(size), output_size=size))


@builder("adaptive_avg_pool_backward")
@floats
def adaptive_avg_backward_cases(dtype):
    for shape, size in ADAPTIVE_CASES:
        pool = getattr(functional, "adaptive_avg_" + POOLS[len(size)])
        n = len(size)
        yield Case("adaptive_avg_pool_backward", {"input_size": list(shape[-n:])},
                   [values(dtype, *shape[:-n], *size)],
                   lambda t, pool=pool, n=n, size=size, shape=shape: adjoint(
                       lambda x: pooled(pool, x, n, output_size=size), shape, t[0]))


@builder("global_avg_pool")
@floats
def global_avg_cases(dtype):
    for shape in ((2, 3, 7), (2, 3, 4, 5), (1, 2, 2, 3, 2)):
        yield Case("global_avg_pool", {}, [values(dtype, *shape)],
                   lambda t: t[0].mean(tuple(range(2, t[0].dim())), keepdim=True))


@builder("global_max_pool")
@floats
def global_max_cases(dtype):
    for shape in ((2, 3, 7), (2, 3, 4, 5), (1, 2, 2, 3, 2)):
        yield Case("global_max_pool", {}, [values(dtype, *shape)],
                   lambda t: t[0].amax(tuple(range(2, t[0].dim())), keepdim=True))


def convolve(x, weight, bias, attrs):
    """With padding_end: what is missing at the end of each dim is padded first."""
    attrs, extra = dict(attrs), []
    end = attrs.pop("padding_end", None)
    n = x.dim() - 2
    start = attrs.pop("padding", 0)
    start = [start] * n if isinstance(start, int) else start
    for before, after in reversed(list(zip(start, end or start))):
        extra += [before, after]
    return getattr(functional, f"conv{n}d")(functional.pad(x, extra), weight, bias, **attrs)


CONVOLUTIONS = (((2, 4, 7), (6, 2, 3), {"groups": 2, "stride": [2], "padding": [1], "padding_end": [2]}),
                ((2, 3, 6, 5), (4, 3, 3, 2), {"padding": [1, 0], "dilation": [2, 1]}),
                ((1, 2, 4, 5, 3), (2, 1, 2, 2, 3), {"groups": 2, "stride": [1, 2, 1], "padding": [0, 1, 1]}))


@builder("convolution")
@floats
def convolution_cases(dtype):
    for shape, kernel, attrs in CONVOLUTIONS:
        for bias in (None, values(dtype, kernel[0])):
            yield Case("convolution", attrs, [values(dtype, *shape), values(dtype, *kernel), bias][: 2 + (bias is not None)],
                       lambda t, attrs=attrs: convolve(t[0], t[1], t[2] if len(t) > 2 else None, attrs))


@builder("convolution_backward_input")
@floats
def convolution_input_cases(dtype):
    for shape, kernel, attrs in CONVOLUTIONS:
        out = convolve(torch.zeros(shape), torch.zeros(kernel), None, attrs).shape
        yield Case("convolution_backward_input", {**attrs, "input_size": list(shape[2:])},
                   [values(dtype, *out), values(dtype, *kernel)],
                   lambda t, attrs=attrs, shape=shape: adjoint(
                       lambda x: convolve(x, t[1], None, attrs), shape, t[0]))


@builder("convolution_backward_weight")
@floats
def convolution_weight_cases(dtype):
    for shape, kernel, attrs in CONVOLUTIONS:
        out = convolve(torch.zeros(shape), torch.zeros(kernel), None, attrs).shape
        yield Case("convolution_backward_weight", {**attrs, "kernel_size": list(kernel[2:])},
                   [values(dtype, *shape), values(dtype, *out)],
                   lambda t, attrs=attrs, kernel=kernel: adjoint(
                       lambda w: convolve(t[0], w, None, attrs), kernel, t[1]))


def softmax_backward(op, formula):
    def cases(dtype):
        for shape, dim in (((3, 7), -1), ((2, 5, 3), 1), ((), 0), ((0, 4), 1)):
            output = torch.softmax(values(torch.float64, *shape), dim)
            output = (output.log() if op[0] == "l" else output).to(dtype)
            yield Case(op, {"dim": dim}, [values(dtype, *shape), output],
                       lambda t, dim=dim: formula(t[0], t[1], dim))
    builder(op)(floats(cases))


softmax_backward("softmax_backward", lambda g, y, dim: y * (g - (g * y).sum(dim, keepdim=True)))
softmax_backward("log_softmax_backward", lambda g, y, dim: g - y.exp() * g.sum(dim, keepdim=True))


def class_loss_backward(op, loss, more):
    def cases(dtype):
        for reduction in ("mean", "sum", "none"):
            for attrs in ({}, {"ignore_index": 1}, *more):
                for weighted in (False, True):
                    x, target = values(dtype, 5, 4, 3, low=-2, high=2), torch.randint(0, 4, (5, 3))
                    weight = [values(dtype, 4, low=0.1)] if weighted else []
                    grad = values(dtype, *((5, 3) if reduction == "none" else ()))
                    given = {"reduction": reduction, **attrs}
                    def reference(t, given=given):
                        return gradient_at(lambda x: loss(x, t[2], t[3] if len(t) > 3 else None, **given), t[1], t[0])
                    # A gradient's gradient in reduced floats is rounded once an op: not claimed.
                    yield Case(op, given, [grad, x, target, *weight], reference,
                               gradient=statistics_dtype(dtype) == dtype)
    builder(op)(floats(cases))


class_loss_backward("cross_entropy_backward", functional.cross_entropy, [{"label_smoothing": 0.2}])
class_loss_backward("nll_loss_backward", functional.nll_loss, [])


@builder("prod_backward")
@floats
def prod_backward_cases(dtype):
    for shape, dim, keepdim in (((3, 4), [1], False), ((3, 4), [0], True), ((2, 3, 2), None, False)):
        x = values(dtype, *shape)
        x.view(-1)[2] = 0
        attrs = {"keepdim": keepdim} if dim is None else {"dim": dim, "keepdim": keepdim}
        def forward(x, dim=dim, keepdim=keepdim):
            return x.prod() if dim is None else x.prod(dim[0], keepdim)
        yield Case("prod_backward", attrs, [values(dtype, *forward(x).shape), x],
                   lambda t, forward=forward: gradient_at(forward, t[1], t[0]))


@builder("embedding_backward")
@floats
def embedding_backward_cases(dtype):
    for index, padding in (((4,), None), ((2, 3), 1), ((0,), None)):
        ids = torch.randint(0, 5, index)
        attrs = {"num_weights": 5} if padding is None else {"num_weights": 5, "padding_idx": padding}
        yield Case("embedding_backward", attrs, [values(dtype, *index, 3), ids],
                   lambda t, padding=padding: adjoint(
                       lambda w: functional.embedding(t[1], w, padding), (5, 3), t[0]))


@builder("slice_backward")
def slice_backward_cases(dtype):
    for attrs in ({"dim": 1, "start": 1, "end": 6, "step": 2}, {"dim": -1, "start": -3}, {"dim": 0, "end": 1}):
        taken = torch.ops.aten.slice(torch.zeros(3, 7), attrs["dim"], attrs.get("start"), attrs.get("end"),
                                     attrs.get("step", 1))
        def reference(t, attrs=attrs):
            out = torch.zeros(3, 7, dtype=t[0].dtype)
            return torch.slice_scatter(out, t[0], attrs["dim"], attrs.get("start"), attrs.get("end"),
                                       attrs.get("step", 1))
        yield Case("slice_backward", {**attrs, "input_sizes": [3, 7]}, [values(dtype, *taken.shape, low=-9, high=9)],
                   reference)


@builder("slice")
def slice_cases(dtype):
    for attrs in ({}, {"start": 1}, {"end": -1}, {"dim": 1, "start": -3, "end": 100}, {"dim": -1, "step": 3},
                  {"start": 2, "end": 1}):
        yield Case("slice", attrs, [values(dtype, 3, 7, low=-9, high=9)],
                   lambda t, a=attrs: torch.ops.aten.slice(t[0], a.get("dim", 0), a.get("start"), a.get("end"),
                                                           a.get("step", 1)))


@builder("gemm")
def gemm_cases(dtype):
    if dtype == torch.bool:
        return
    for ta in (False, True):
        for tb in (False, True):
            a = values(dtype, *((2, 5, 3) if ta else (2, 3, 5)), low=-5, high=5)
            b = values(dtype, *((4, 5) if tb else (5, 4)), low=-5, high=5)
            yield Case("gemm", {"transpose_a": ta, "transpose_b": tb}, [a, b], lambda t, ta=ta, tb=tb: torch.matmul(
                t[0].mT if ta else t[0], t[1].mT if tb else t[1]))


@builder("barrier")
def barrier_cases(dtype):
    yield Case("barrier", {}, [values(dtype, 3, 5, low=-9, high=9)], lambda t: t[0].clone())


@builder("dropout")
@floats
def dropout_cases(dtype):
    for attrs, keep in (({"p": 0.0}, True), ({"p": 1.0}, False), ({"training": False}, True)):
        yield Case("dropout", attrs, [values(dtype, 3, 5)], lambda t, keep=keep: t[0] * (1.0 if keep else 0.0))


@builder("bernoulli")
@floats
def bernoulli_cases(dtype):
    for p in (0.0, 1.0):
        yield Case("bernoulli", {}, [torch.full((3, 5), p).to(dtype)], lambda t: t[0].detach().clone())


@builder("spmm_transpose")
@floats
def spmm_transpose_cases(dtype):
    for rows, columns, width, count in ((4, 5, 3, 7), (3, 6, 2, 0)):
        pointers, column, row = csr(rows, columns, count)
        def reference(t, rows=rows, columns=columns, row=row, column=column):
            dense = torch.zeros(rows, columns, dtype=t[2].dtype).index_put((row, column), t[2])
            return dense.T @ t[3]
        yield Case("spmm_transpose", {"size": columns},
                   [pointers, column, values(dtype, count), values(dtype, rows, width)], reference)


@builder("row_norm_backward")
@floats
def row_norm_backward_cases(dtype):
    for period, inner, centred, weighted in ((1, 1, True, True), (1, 1, False, True), (2, 3, True, True),
                                             (1, 1, True, False)):
        rows, cols = 4, 6
        def reference(t, period=period, inner=inner, rows=rows, cols=cols):
            dy, x, mean, rstd = t[0], t[1], t[2], t[3]
            weight = t[4] if len(t) > 4 else None
            h = (x - (0 if mean is None else mean[:, None])) * rstd[:, None]
            places = (torch.arange(rows)[:, None] % period) * (cols // inner) + torch.arange(cols) // inner
            g = dy if weight is None else dy * weight[places]
            inside = g - h * (g * h).mean(1, keepdim=True)
            dx = rstd[:, None] * (inside if mean is None else inside - g.mean(1, keepdim=True))
            if weight is None:
                return [dx]
            blank = torch.zeros(weight.numel(), dtype=h.dtype)
            return [dx] + [blank.index_add(0, places.flatten(), v.flatten()) for v in (dy * h, dy)]
        saved = statistics_dtype(dtype)
        inputs = [values(dtype, rows, cols), values(dtype, rows, cols), values(saved, rows) if centred else None,
                  values(saved, rows, low=0.5)]
        inputs += [values(dtype, period * (cols // inner))] if weighted else []
        yield Case("row_norm_backward", {"cols": cols, "period": period, "inner": inner}, inputs, reference,
                   own_dtypes=False, gradient=saved == dtype)


@builder("batch_norm_backward")
@floats
def batch_norm_backward_cases(dtype):
    for training in (False, True):
        def reference(t, training=training):
            dy, x, mean, rstd, weight = t
            line = lambda v: v[None, :, None]
            h = (x - line(mean)) * line(rstd)
            g = dy - (dy.mean((0, 2), keepdim=True) + h * (dy * h).mean((0, 2), keepdim=True) if training else 0)
            return [line(weight * rstd) * g, (dy * h).sum((0, 2)), dy.sum((0, 2))]
        saved = statistics_dtype(dtype)
        yield Case("batch_norm_backward", {"training": training},
                   [values(dtype, 4, 3, 5), values(dtype, 4, 3, 5), values(saved, 3), values(saved, 3, low=0.5),
                    values(dtype, 3)], reference, own_dtypes=False, gradient=saved == dtype)


def attention(t, attrs):
    """Output and log-sum-exp of each row."""
    mask = t[3] if len(t) > 3 else None
    scores = t[0] @ t[1].mT / t[0].shape[-1] ** 0.5
    if attrs.get("is_causal"):
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ t[2], scores.logsumexp(-1)


@builder("scaled_dot_product_attention_backward")
def attention_backward_cases(dtype):
    if dtype not in (torch.float64, torch.float32):  # the output it is given is rounded in the others
        return
    for attrs, masked in (({}, False), ({"is_causal": True}, False), ({}, True)):
        query, key, value = values(dtype, 2, 3, 5, 8), values(dtype, 2, 3, 7, 8), values(dtype, 2, 3, 7, 6)
        mask = values(dtype, 5, 7) if masked else None
        output, rows = attention([x.double() for x in (query, key, value)] + ([mask.double()] if masked else []), attrs)
        def reference(t, attrs=attrs, masked=masked):
            leaves = [x.detach().requires_grad_(True) for x in t[1:4]]
            out, _ = attention(leaves + ([t[4]] if masked else []), attrs)
            return list(torch.autograd.grad(out, leaves, t[0]))
        yield Case("scaled_dot_product_attention_backward", attrs,
                   [values(dtype, 2, 3, 5, 6), query, key, value, mask, output.to(dtype), rows.to(dtype)],
                   reference, gradient=False)


def recurrence_steps(mode, x, h, c, lengths, weight, bias, reverse):
    """The states after every step, and the cells of an lstm."""
    states, cells = [None] * len(x), [None] * len(x)
    order = range(len(x) - 1, -1, -1) if reverse else range(len(x))
    for step in order:
        product = h @ weight.T + (0 if bias is None else bias)
        if mode == "lstm":
            i, f, g, o = (x[step] + product).chunk(4, -1)
            cell = f.sigmoid() * c + i.sigmoid() * g.tanh()
            state = o.sigmoid() * cell.tanh()
        elif mode == "gru":
            (xr, xz, xn), (pr, pz, pn) = x[step].chunk(3, -1), product.chunk(3, -1)
            z = (xz + pz).sigmoid()
            cell, state = c, (1 - z) * ((xr + pr).sigmoid() * pn + xn).tanh() + z * h
        else:
            cell, state = c, (x[step] + product).tanh() if mode == "rnn_tanh" else (x[step] + product).relu()
        if lengths is not None:
            alive = (step < lengths)[:, None]
            state = torch.where(alive, state, h)
            cell = None if c is None else torch.where(alive, cell, c)
        h, c = state, cell
        states[step], cells[step] = h, c
    return [torch.stack(states)] + ([torch.stack(cells)] if mode == "lstm" else [])


@builder("recurrence")
@floats
def recurrence_cases(dtype):
    for mode, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        for reverse, lengths in ((False, None), (True, torch.tensor([4, 2, 1]))):
            inputs = [values(dtype, 4, 3, gates * 5), values(dtype, 3, 5),
                      values(dtype, 3, 5) if mode == "lstm" else None, lengths, values(dtype, gates * 5, 5),
                      values(dtype, gates * 5)]
            yield Case("recurrence", {"mode": mode, "reverse": reverse}, inputs,
                       lambda t, mode=mode, reverse=reverse: recurrence_steps(mode, *t, reverse),
                       gradient=False)  # `saved` counts as an output here; lstm, gru and rnn have the gradients


def composite_steps(op, make, names, attrs_list, places, inputs_of):
    """The differentiable twins: the same first results as torch.optim's, in f64 and f32."""
    def cases(dtype):
        if dtype not in (torch.float64, torch.float32):
            return
        lr = scalar(0.05, torch.float32)
        for attrs in attrs_list:
            step = Step(lambda p, lr, attrs=attrs: make(p, lr, attrs), names, lr.item())
            case = step_case(op, attrs, step, inputs_of(dtype, lr), places)
            case.gradient = False
            yield case
    builder(op)(cases)


def adam_inputs(dtype, lr):
    return [values(dtype, 7), values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0), lr,
            scalar(3, torch.int64)]


def state_inputs(dtype, lr):
    return [values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0), lr]


composite_steps("sgd_step_composite", lambda p, lr, a: torch.optim.SGD(p, lr=lr, **a), ["momentum_buffer"],
                [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}], [2], state_inputs)
composite_steps("adam_step_composite", lambda p, lr, a: torch.optim.Adam(p, lr=lr, **a),
                ["exp_avg", "exp_avg_sq"], [{}, {"weight_decay": 0.1}], [2, 3], adam_inputs)
composite_steps("adamw_step_composite", lambda p, lr, a: torch.optim.AdamW(p, lr=lr, **a),
                ["exp_avg", "exp_avg_sq"], [{}, {"weight_decay": 0.1}], [2, 3], adam_inputs)
composite_steps("adagrad_step_composite", lambda p, lr, a: torch.optim.Adagrad(p, lr=lr, **a), ["sum"],
                [{}, {"eps": 1e-3}], [2], state_inputs)
composite_steps("rmsprop_step_composite", lambda p, lr, a: torch.optim.RMSprop(p, lr=lr, **a), ["square_avg"],
                [{}, {"alpha": 0.9}], [2], state_inputs)
