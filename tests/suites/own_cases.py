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
    return (torch.rand(shape, dtype=torch.float64) * (high - low) + low).to(dtype)


@builder("cast")
def cast_cases(dtype):
    for target in (torch.float64, torch.float32, torch.int32):
        if not dtype.is_floating_point and target.is_floating_point:
            continue
        x = values(dtype, 3, 5, low=-9, high=9)
        yield Case("cast", {"dtype": NAMES[target]}, [x], lambda t, target=target: t[0].to(target))


@builder("gelu_backward")
def gelu_backward_cases(dtype):
    if not dtype.is_floating_point:
        return
    for kind in ("none", "tanh"):
        tensors = [values(dtype, 5, 7, low=-4, high=4), values(dtype, 5, 7)]
        yield Case("gelu_backward", {"approximate": kind}, tensors,
                   lambda t, kind=kind: torch.ops.aten.gelu_backward(t[1], t[0], approximate=kind))


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


@builder("clamp")
def clamp_cases(dtype):
    if dtype == torch.bool:
        return
    for low, high in ((-1, 2), (None, 1), (0, None), (2, -1), (0.5, 1.5)):
        attrs = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
        inputs = [values(dtype, 3, 7, low=-4, high=4)] + ([special(dtype)] if dtype.is_floating_point else [])
        for x in inputs:
            yield Case("clamp", attrs, [x], lambda t, low=low, high=high: t[0].clamp(low, high))


@builder("clip_grad_norm")
def clip_norm_cases(dtype):
    if not dtype.is_floating_point:
        return
    for most in (0.5, 100.0):
        def reference(t, most=most):
            norm = torch.stack([x.norm() for x in t]).norm()
            scale = (most / (norm + 1e-6)).clamp(max=1.0)
            return [norm] + [x * scale for x in t]
        yield Case("clip_grad_norm", {"max_norm": most}, [values(dtype, 3, 5), values(dtype, 4)], reference)


@builder("segment_reduce")
def segment_cases(dtype):
    if not dtype.is_floating_point:
        return
    ids = torch.tensor([0, 0, 2, 2, 2, 3])
    offsets = torch.tensor([0, 2, 2, 5, 6])
    for name in ("sum", "mean", "amax", "amin", "prod"):
        def reference(t, name=name):
            groups = [t[0][(ids == k).nonzero()[:, 0]] for k in range(4)]
            empty = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -torch.inf, "amin": torch.inf}[name]
            blank = torch.full_like(t[0][0], empty)
            return torch.stack([getattr(g, name)(0) if len(g) else blank for g in groups])
        if name in ("amax", "amin", "mean"):  # an empty group of these is a matter of convention
            full_ids, full = torch.tensor([0, 0, 1, 1, 1, 2]), torch.tensor([0, 2, 5, 6])
            def reference(t, name=name, ids=full_ids):
                return torch.stack([getattr(t[0][(ids == k).nonzero()[:, 0]], name)(0) for k in range(3)])
            yield Case("segment_reduce", {"reduce": name}, [values(dtype, 6, 3), full], reference)
            continue
        yield Case("segment_reduce", {"reduce": name}, [values(dtype, 6, 3), offsets], reference)
        yield Case("segment_reduce", {"reduce": name, "num_segments": 4},
                   [values(dtype, 6, 3), None, ids], reference)


@builder("sddmm")
def sddmm_cases(dtype):
    if not dtype.is_floating_point:
        return
    pointers, column, row = csr(4, 5, 7)
    yield Case("sddmm", {}, [pointers, column, values(dtype, 4, 3), values(dtype, 5, 3)],
               lambda t: (t[2] @ t[3].T)[row, column])


class Step:
    """One step of a torch.optim optimizer whose state was made by earlier steps. There are no gradients
    through it: the differentiable twins are checked against the steps by tests of their own."""

    def __init__(self, make, names, lr):
        self.make, self.names, self.lr = make, names, lr

    def reference(self, weight, grad, state, step):
        parameter = torch.nn.Parameter(weight.detach().clone())
        optimizer = self.make([parameter], self.lr)
        parameter.grad = grad.detach().clone()
        entries = {name: value.detach().clone() for name, value in state.items()}
        if entries or step:
            entries["step"] = torch.tensor(float(step))
            optimizer.state[parameter].update(entries)
        optimizer.step()
        after = optimizer.state[parameter]
        return [parameter.detach()] + [after[name].detach() for name in state]


def step_case(op, attrs, step, inputs, places, count=3):
    """`places`: where the state tensors of `step.names` stand among the inputs."""
    def reference(t):
        state = {name: t[place] for name, place in zip(step.names, places)}
        return step.reference(t[0], t[1], state, count - 1)
    return Case(op, attrs, inputs, reference)


def scalar(value, dtype):
    return torch.tensor(value, dtype=dtype)


@builder("sgd_step")
def sgd_cases(dtype):
    if dtype not in (torch.float64, torch.float32):
        return
    lr = scalar(0.1, torch.float32).item()
    for attrs in ({}, {"weight_decay": 0.01}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True},
                  {"momentum": 0.5, "dampening": 0.25, "weight_decay": 0.1, "maximize": True}):
        names = ["momentum_buffer"] if "momentum" in attrs else []
        step = Step(lambda p, lr, attrs=attrs: torch.optim.SGD(p, lr=lr, **attrs), names, lr)
        buffer = values(dtype, 3, 5) if names else None
        yield step_case("sgd_step", attrs, step,
                        [values(dtype, 3, 5), values(dtype, 3, 5), buffer, scalar(lr, torch.float32)], [2])


def adam_like(op, kind, dtype):
    if dtype not in (torch.float64, torch.float32):
        return
    lr = scalar(0.01, torch.float32).item()
    for attrs in ({}, {"weight_decay": 0.1}, {"beta1": 0.7, "beta2": 0.9, "eps": 1e-3, "maximize": True}):
        rest = dict(attrs)
        betas = (rest.pop("beta1", 0.9), rest.pop("beta2", 0.999))
        step = Step(lambda p, lr, rest=rest, betas=betas: kind(p, lr=lr, betas=betas, **rest),
                    ["exp_avg", "exp_avg_sq"], lr)
        yield step_case(op, attrs, step,
                        [values(dtype, 7), values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0),
                         scalar(lr, torch.float32), scalar(3, torch.int64)], [2, 3])


@builder("adam_step")
def adam_cases(dtype):
    yield from adam_like("adam_step", torch.optim.Adam, dtype)


@builder("adamw_step")
def adamw_cases(dtype):
    yield from adam_like("adamw_step", torch.optim.AdamW, dtype)


@builder("adagrad_step")
def adagrad_cases(dtype):
    if dtype not in (torch.float64, torch.float32):
        return
    lr = scalar(0.1, torch.float32).item()
    for attrs in ({}, {"weight_decay": 0.1, "eps": 1e-4}):
        step = Step(lambda p, lr, attrs=attrs: torch.optim.Adagrad(p, lr=lr, **attrs), ["sum"], lr)
        yield step_case("adagrad_step", attrs, step,
                        [values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0),
                         scalar(lr, torch.float32)], [2])


@builder("rmsprop_step")
def rmsprop_cases(dtype):
    if dtype not in (torch.float64, torch.float32):
        return
    lr = scalar(0.01, torch.float32).item()
    for attrs in ({}, {"alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1}):
        step = Step(lambda p, lr, attrs=attrs: torch.optim.RMSprop(p, lr=lr, **attrs), ["square_avg"], lr)
        yield step_case("rmsprop_step", attrs, step,
                        [values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0),
                         scalar(lr, torch.float32)], [2])


def recurrent(op, gates, dtype, attrs, sizes, hx=False, lengths=None, call=None):
    """A case of rnn, gru or lstm against PyTorch's, each sequence run alone where there are lengths."""
    steps, batch, inputs, hidden = sizes
    layers = attrs.get("num_layers", 1)
    directions = 2 if attrs.get("bidirectional") else 1
    states = 2 if op == "lstm" else 1
    weights = []
    for layer in range(layers):
        for _ in range(directions):
            width = inputs if layer == 0 else hidden * directions
            weights += [values(dtype, gates * hidden, width), values(dtype, gates * hidden, hidden),
                        values(dtype, gates * hidden), values(dtype, gates * hidden)]
    shape = (layers * directions, batch, hidden)
    initial = [values(dtype, *shape) if hx else None for _ in range(states)]
    first = attrs.get("batch_first", False)
    x = values(dtype, *((batch, steps) if first else (steps, batch)), inputs)

    def run(x, initial, weights):
        zeros = [torch.zeros(layers * directions, x.shape[0 if first else 1], hidden, dtype=x.dtype)
                 if h is None else h for h in initial]
        state = zeros if op == "lstm" else zeros[0]
        return call(x, state, weights, True, layers, 0.0, False, directions == 2, first)

    def reference(t):
        x, start, flat = t[0], t[1:1 + states], t[2 + states:]
        if lengths is None:
            return run(x, start, flat)
        parts = [run(x[:n, i:i + 1], [h if h is None else h[:, i:i + 1] for h in start], flat)
                 for i, n in enumerate(lengths)]
        output = torch.cat([torch.nn.functional.pad(p[0], (0, 0, 0, 0, 0, steps - n))
                            for p, n in zip(parts, lengths)], 1)
        return [output] + [torch.cat([p[k] for p in parts], 1) for k in range(1, states + 1)]

    given = torch.tensor(lengths) if lengths else None
    return Case(op, attrs, [x, *initial, given, *weights], reference)


def recurrent_cases(op, gates, dtype, call):
    if not dtype.is_floating_point:
        return
    yield recurrent(op, gates, dtype, {}, (5, 3, 4, 2), call=call)
    yield recurrent(op, gates, dtype, {}, (4, 2, 3, 5), hx=True, call=call)
    yield recurrent(op, gates, dtype, {"num_layers": 2, "bidirectional": True}, (3, 2, 3, 2), hx=True, call=call)
    yield recurrent(op, gates, dtype, {"batch_first": True}, (4, 3, 2, 3), call=call)
    yield recurrent(op, gates, dtype, {"bidirectional": True}, (5, 3, 2, 3), hx=True, lengths=[5, 2, 3], call=call)


@builder("lstm")
def lstm_cases(dtype):
    yield from recurrent_cases("lstm", 4, dtype, torch._VF.lstm)


@builder("gru")
def gru_cases(dtype):
    yield from recurrent_cases("gru", 3, dtype, torch._VF.gru)


@builder("rnn")
def rnn_cases(dtype):
    yield from recurrent_cases("rnn", 1, dtype, torch._VF.rnn_tanh)


@builder("conv_transpose3d")
def conv_transpose3d_cases(dtype):
    if not dtype.is_floating_point:
        return
    for attrs in ({}, {"stride": 2, "padding": 1, "output_padding": 1}, {"groups": 2, "dilation": [1, 2, 1]}):
        groups = attrs.get("groups", 1)
        x, weight = values(dtype, 2, 4, 3, 3, 2), values(dtype, 4, 3, 2, 2, 3)
        bias = values(dtype, 3 * groups)
        yield Case("conv_transpose3d", attrs, [x, weight, bias],
                   lambda t, attrs=attrs: torch.nn.functional.conv_transpose3d(t[0], t[1], t[2], **attrs))


@builder("attention_decode")
def decode_cases(dtype):
    if not dtype.is_floating_point:
        return
    for heads, kept, position in ((2, 2, torch.tensor(3)), (4, 2, torch.tensor([0, 4]))):
        def reference(t):
            query, key, value, keys, filled, at = t
            keys, filled, outputs = keys.clone(), filled.clone(), []
            for b in range(query.shape[0]):
                place = int(at if at.dim() == 0 else at[b])
                keys[b, :, place], filled[b, :, place] = key[b, :, 0], value[b, :, 0]
                outputs.append(torch.nn.functional.scaled_dot_product_attention(
                    query[b:b + 1], keys[b:b + 1, :, :place + 1], filled[b:b + 1, :, :place + 1],
                    enable_gqa=True))
            return [torch.cat(outputs), keys, filled]
        cache = [values(dtype, 2, kept, 5, 8) for _ in range(2)]
        yield Case("attention_decode", {},
                   [values(dtype, 2, heads, 1, 8), values(dtype, 2, kept, 1, 8),
                    values(dtype, 2, kept, 1, 8), *cache, position], reference)


def special(dtype):
    """Values where rules differ: zeros, ties, infinities, NaN."""
    return torch.tensor([0.0, -0.0, 1, -1, 2, -2, 0.5, float("inf"), -float("inf"), float("nan")], dtype=dtype)


def every_pair(dtype):
    return [x.contiguous() for x in torch.meshgrid(special(dtype), special(dtype), indexing="ij")]


def special_binary(op, function):
    def cases(dtype):
        return [Case(op, {}, every_pair(dtype), lambda t: function(*t))] if dtype.is_floating_point else []
    builder(op)(cases)


for _op in ("maximum", "minimum", "atan2", "heaviside", "mul", "div"):
    special_binary(_op, getattr(torch, _op))


@builder("relu")
def relu_cases(dtype):
    if dtype.is_floating_point:
        yield Case("relu", {}, [special(dtype)], lambda t: t[0].relu())


def truth_by_no_dim(op):
    def cases(dtype):
        for keepdim in (False, True):
            yield Case(op, {"dim": [], "keepdim": keepdim}, [values(dtype, 2, 3, low=0, high=2)],
                       lambda t, keepdim=keepdim: getattr(torch, op)(t[0], dim=(), keepdim=keepdim))
    builder(op)(cases)


truth_by_no_dim("any")
truth_by_no_dim("all")


@builder("logsumexp")
def logsumexp_cases(dtype):
    yield Case("logsumexp", {"dim": 1}, [values(dtype, 3, 4, low=-3, high=3)], lambda t: t[0].logsumexp(1))


@builder("add")
def alpha_cases(dtype):
    yield Case("add", {"alpha": -1}, [values(dtype, 3, 4, low=0, high=2), values(dtype, 4, low=0, high=2)],
               lambda t: torch.add(*t, alpha=True if dtype == torch.bool else -1))
