# SPDX-License-Identifier: Apache-2.0
"""Random cases of attention, recurrent layers, optimizer steps and sparse products."""

import torch
from torch.nn import functional

from own_cases import csr, recurrent, scalar
from random_draw import draws, given


def attention_mask(d, lead, queries, keys):
    shape = [1 if d.chance(0.3) else n for n in [*lead, queries, keys]]
    shape = shape[d.integer(0, len(shape) - 2) if d.chance(0.6) else 0:]
    if d.chance(0.5):
        return torch.rand(shape, generator=d.generator) < d.pick(0.3, 0.7, 0.95)
    numbers = d.values(shape, style=d.pick("unit", "wide"))
    hidden = torch.rand(shape, generator=d.generator) < d.pick(0.0, 0.3, 0.8)
    return numbers.masked_fill(hidden, float("-inf"))


@draws("scaled_dot_product_attention")
def attention(d, op):
    queries, keys = d.pick(d.size(), d.integer(1, 9)), d.pick(d.size(), d.integer(1, 9))
    depth, value_depth = d.pick(1, 2, 3, 8, 16, 33, 64), d.pick(1, 4, 8, 16, 20)
    value_depth = depth if d.chance(0.6) else value_depth
    style = d.pick("unit", "unit", "unit", "wide", "wide", "special")
    lead = [d.integer(1, 3) for _ in range(d.integer(0, 2))]
    attrs, shared = {}, list(lead)
    if d.chance(0.25):
        lead, group, kept = [d.integer(1, 2)], d.integer(1, 3), d.integer(1, 2)
        shared, lead = lead + [kept], lead + [kept * group]
        attrs["enable_gqa"] = True
    inputs = [d.values([*lead, queries, depth], style=style), d.values([*shared, keys, depth], style=style),
              d.values([*shared, keys, value_depth], style=style), None]
    if d.chance(0.3):
        attrs["is_causal"] = d.chance(0.8)
    if d.chance(0.3):
        attrs["scale"] = d.pick(0.3, 1.0, 2, 0.0, -0.5)
    if not attrs.get("is_causal") and d.chance(0.5):
        inputs[3] = attention_mask(d, lead, queries, keys)

    def reference(t, a):
        return functional.scaled_dot_product_attention(t[0], t[1], t[2], t[3], **given(a, *a))
    return inputs, attrs, reference


@draws("rnn", "lstm", "gru")
def recurrent_layer(d, op):
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[op]
    relu = op == "rnn" and d.chance(0.4)
    call = getattr(torch._VF, {"rnn": "rnn_relu" if relu else "rnn_tanh"}.get(op, op))
    attrs = {"nonlinearity": "relu"} if relu else {}
    if d.chance(0.4):
        attrs["num_layers"] = d.integer(1, 3)
    if d.chance(0.4):
        attrs["bidirectional"] = d.chance(0.8)
    lengths = None
    sizes = (d.integer(1, 6), d.integer(1, 5), d.integer(1, 7), d.pick(1, 2, 3, 8, 17, 40))
    if d.chance(0.35) and attrs.get("num_layers", 1) == 1:
        lengths = [d.integer(1, sizes[0]) for _ in range(sizes[1])]
    elif d.chance(0.4):
        attrs["batch_first"] = True
    torch.manual_seed(d.random.getrandbits(40))
    case = recurrent(op, gates, d.dtype, attrs, sizes, hx=d.chance(0.6), lengths=lengths, call=call)

    def reference(t, a):
        if a.get("batch_first", False) != attrs.get("batch_first", False):
            raise KeyError("batch_first")  # the case is made for one layout
        return case.reference(t)
    return case.inputs, attrs, reference


def optimizer_case(make, rate, state, inputs, attrs, step):
    """One step of torch.optim from a drawn state: input `rate` is the learning rate, `state` gives the names of
    the state in torch.optim by its places among the inputs."""
    def reference(t, a):
        t = list(t) + [None] * (len(inputs) - len(t))
        parameter = torch.nn.Parameter(t[0].detach().clone())
        optimizer = make([parameter], a, float(t[rate]))
        parameter.grad = t[1].detach().clone()
        there = {place: name for place, name in state.items() if t[place] is not None}
        if there:
            optimizer.state[parameter].update({name: t[place].detach().clone() for place, name in there.items()})
            optimizer.state[parameter]["step"] = torch.tensor(float(step - 1))
        optimizer.step()
        after = optimizer.state[parameter]
        return [parameter.detach()] + [after[name].detach() for name in there.values()]
    return inputs, attrs, reference


def optimizer_parts(d):
    shape = d.shape(0, 3)
    return shape, [d.values(shape, style="unit"), d.values(shape, style="wide")], d.pick(1e-3, 0.1, 0.0, 1.0)


@draws("sgd_step", "sgd_step_composite")
def sgd(d, op):
    shape, inputs, rate = optimizer_parts(d)
    attrs = {}
    if d.chance(0.7):
        attrs["momentum"] = d.pick(0.9, 0.5)
        attrs.update(d.pick({}, {"nesterov": True}, {"dampening": 0.3}))
    attrs.update({"weight_decay": 0.1} if d.chance(0.5) else {})
    attrs.update({"maximize": True} if d.chance(0.4) else {})
    inputs += [d.values(shape, style="unit") if "momentum" in attrs else None, scalar(rate, torch.float32)]
    return optimizer_case(lambda p, a, lr: torch.optim.SGD(p, lr=lr, **a), 3, {2: "momentum_buffer"}, inputs, attrs, 4)


@draws("adam_step", "adamw_step", "adam_step_composite", "adamw_step_composite")
def adam(d, op):
    shape, inputs, rate = optimizer_parts(d)
    step = d.pick(1, 2, 10, 1000)
    attrs = {key: value for key, value in (("beta1", d.pick(0.8, 0.0)), ("beta2", d.pick(0.99, 0.5)), ("eps", 1e-4),
                                           ("weight_decay", d.pick(0.0, 0.2)), ("maximize", True), ("amsgrad", True))
             if d.chance(0.4)}
    inputs += [d.values(shape, style="unit"), d.positive(shape, low=0.0), scalar(rate, torch.float32),
               scalar(step, torch.int64), None, None, d.positive(shape, low=0.0) if attrs.get("amsgrad") else None]
    kind = torch.optim.AdamW if "adamw" in op else torch.optim.Adam

    def make(parameters, a, rate):
        rest = {k: v for k, v in a.items() if not k.startswith("beta")}
        return kind(parameters, lr=rate, betas=(a.get("beta1", 0.9), a.get("beta2", 0.999)), **rest)
    return optimizer_case(make, 4, {2: "exp_avg", 3: "exp_avg_sq", 8: "max_exp_avg_sq"}, inputs, attrs, step)


@draws("adagrad_step", "adagrad_step_composite")
def adagrad(d, op):
    shape, inputs, rate = optimizer_parts(d)
    step = d.pick(1, 2, 10)
    attrs = {key: value for key, value in (("lr_decay", 0.1), ("weight_decay", 0.2), ("eps", 1e-3), ("maximize", True))
             if d.chance(0.4)}
    inputs += [d.positive(shape, low=0.0), scalar(rate, torch.float32), scalar(step, torch.int64)]
    return optimizer_case(lambda p, a, lr: torch.optim.Adagrad(p, lr=lr, **a), 3, {2: "sum"}, inputs, attrs, step)


@draws("rmsprop_step", "rmsprop_step_composite")
def rmsprop(d, op):
    shape, inputs, rate = optimizer_parts(d)
    attrs = {key: value for key, value in (("alpha", 0.9), ("eps", 1e-3), ("weight_decay", 0.2), ("momentum", 0.8),
                                           ("maximize", True)) if d.chance(0.4)}
    attrs.update({"centered": True, "momentum": 0.8} if d.chance(0.4) else {})
    mean = d.values(shape, style="unit")
    inputs += [mean.square() + d.positive(shape, low=0.01), scalar(rate, torch.float32), scalar(3, torch.int64), None,
               None, d.values(shape, style="unit") if "momentum" in attrs else None,
               mean if "centered" in attrs else None]
    state = {2: "square_avg", 7: "momentum_buffer", 8: "grad_avg"}
    return optimizer_case(lambda p, a, lr: torch.optim.RMSprop(p, lr=lr, **a), 3, state, inputs, attrs, 3)


@draws("spmm", "sddmm")
def sparse(d, op):
    rows, columns, width = d.integer(1, 9), d.integer(1, 9), d.integer(1, 20)
    style, dtype = d.pick("unit", "wide", "ties"), d.floating()
    torch.manual_seed(d.random.getrandbits(40))
    pointers, column, row = csr(rows, columns, d.integer(0, rows * columns))
    if op == "sddmm":
        return ([pointers, column, d.values([rows, width], dtype, style), d.values([columns, width], dtype, style)], {},
                lambda t, a: (t[2] @ t[3].T)[row, column])

    def product(t, a):
        return torch.zeros(rows, columns, dtype=t[2].dtype).index_put((row, column), t[2]) @ t[3]
    return [pointers, column, d.values([len(column)], dtype, style), d.values([columns, width], dtype, style)], {}, product


@draws("clip_grad_norm", "clip_grad_value", "global_norm")
def clips(d, op):
    tensors = [d.tensor(0, 3) for _ in range(d.integer(1, 3))]
    attrs = {"clip_grad_norm": {"max_norm": d.pick(0.5, 100.0, 0.0)}, "clip_grad_value": {"clip_value": d.pick(0.5, 0, 3)},
             "global_norm": {}}[op]

    def reference(t, a):
        if op == "clip_grad_value":
            return [x.clamp(-a["clip_value"], a["clip_value"]) for x in t]
        norm = torch.stack([x.norm() for x in t]).norm()
        if op == "global_norm":
            return norm
        scale = (a["max_norm"] / (norm + 1e-6)).clamp(max=1.0)
        return [norm] + [x * scale for x in t]
    return tensors, attrs, reference
