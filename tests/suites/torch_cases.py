# SPDX-License-Identifier: Apache-2.0
"""Turns samples of PyTorch's OpInfo database into cases for the program's ops."""

import dataclasses
import math
import warnings
from typing import Any, Callable

import torch
from torch.testing._internal import common_methods_invocations as invocations

DTYPES = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
          "i64": torch.int64, "i32": torch.int32, "i16": torch.int16, "i8": torch.int8,
          "u8": torch.uint8, "bool": torch.bool}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LARGEST = 20000  # elements of one tensor; the suite is about meaning, not size

# Where OpInfo's callable takes its arguments in another order than ours: the names, in its order.
ORDER = {
    "embedding": "weight input padding_idx max_norm norm_type scale_grad_by_freq sparse",
    "gather": "input dim index",
    "group_norm": "input num_groups weight bias eps",
    "index_add": "input dim index source alpha",
    "index_select": "input dim index",
    "layer_norm": "input normalized_shape weight bias eps",
    "rms_norm": "input normalized_shape weight eps",
    "scatter": "input dim index src",
    "scatter_add": "input dim index src",
    "softmax": "input dim",
    "where": "input condition other",
    "sort": "input dim descending stable",
    "topk": "input k dim largest sorted",
    "var": "input dim",
    "std": "input dim",
    "conv1d": "input weight bias stride padding dilation groups",
    "conv2d": "input weight bias stride padding dilation groups",
    "conv3d": "input weight bias stride padding dilation groups",
    "cross_entropy": "input target weight size_average ignore_index reduce reduction label_smoothing",
    "linear": "input weight bias",
    "max_pool1d": "input kernel_size stride padding dilation ceil_mode return_indices",
    "max_pool2d": "input kernel_size stride padding dilation ceil_mode return_indices",
    "max_pool3d": "input kernel_size stride padding dilation ceil_mode return_indices",
}
for _d in (1, 2, 3):
    ORDER[f"adaptive_max_pool{_d}d"] = "input output_size return_indices"
    ORDER[f"conv_transpose{_d}d"] = ("input weight bias stride padding output_padding groups dilation")
# Our op -> OpInfo's name, where neither `NAME` nor `nn.functional.NAME` is meant.
OPINFO = {"norm": ["linalg.vector_norm", "norm"], "ne": ["ne"], "rope": []}
RENAMED = {("norm", "ord"): "p", ("pow", "exponent"): "exponent", ("heaviside", "values"): "values"}
# What their result depends on random bits.
RANDOM = {"dropout", "bernoulli", "rand", "randn"}
ORDER_OF_TIES = {"sort", "topk"}
# Arguments that say how, not what: ours has one way.
IMMATERIAL = {"memory_format", "stable", "inplace", "layout", "device", "requires_grad", "sparse_grad",
              "sorted", "sparse", "norm_type", "return_indices"}
# What ours refuses on purpose: (op, text in the error), why.
REFUSED = {
    ("prod", "does not compute in bool"): "a product in bool is `all`",
    ("batch_norm", "rank 2 or more"): "an empty vector as a batch",
}


def refusal(op, message):
    """Why an error of the program is meant, or None."""
    return next((why for (name, text), why in REFUSED.items() if name == op and text in message), None)


class Skip(Exception):
    """The sample asks for something outside of what the op declares."""


@dataclasses.dataclass
class Case:
    op: str
    attrs: dict
    inputs: list  # tensors in our order, None where absent
    reference: Callable[[list], Any]  # the same, from tensors of any dtype; the outputs as a list
    text: str = ""
    gradient: bool = True  # compare it, where both have one
    own_dtypes: bool = True  # ours keeps PyTorch's dtypes; False: some outputs are wider


def opinfos(name):
    wanted = OPINFO.get(name, [name, "nn.functional." + name, "special." + name])
    return [info for info in invocations.op_db if info.name in wanted]


def attribute(spec, value):
    """A JSON value for an attribute, or Skip."""
    if isinstance(value, torch.dtype):
        if value not in NAMES:
            raise Skip(f"dtype {value}")
        return NAMES[value]
    if isinstance(value, torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            raise Skip(f"attribute {spec['name']} given as a tensor")
        value = value.item()
    if isinstance(value, (tuple, list, torch.Size)):
        return [None if item is None else attribute(spec, item) for item in value]
    if isinstance(value, complex):
        raise Skip("complex numbers")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, bool) and spec["type"] in ("int", "float"):
        return int(value)
    if spec["type"] in ("float", "list of float") and isinstance(value, str):
        raise Skip(f"attribute {spec['name']}={value}")
    return value


def scalar_input(value):
    if isinstance(value, complex):
        raise Skip("complex numbers")
    return torch.tensor(value, dtype=torch.float32 if isinstance(value, float) else None)


class Binding:
    """One sample's arguments, sorted into our op's inputs and attributes."""

    def __init__(self, op, sample):
        self.op, self.sample, self.flat = op, sample, []
        self.inputs = {spec["name"]: i for i, spec in enumerate(op["inputs"])}
        self.attributes = {spec["name"]: spec for spec in op["attributes"]}
        self.given, self.attrs, self.variadic = {}, {}, []

    def parameters(self):
        name = self.op["name"]
        if name == "arange" and not self.sample.args:
            return ["end"]  # alone, the first argument is the end
        if name in ORDER:
            return ORDER[name].split()
        return list(self.inputs) + [a for a in self.attributes if a != "rng_path"]

    def take_tensor(self, name, value):
        """Remembers a tensor's place among the sample's tensors, which the reference refills."""
        if value.layout != torch.strided or value.is_complex() or value.dtype not in NAMES:
            raise Skip(f"{value.layout} {value.dtype}")
        if value.numel() > LARGEST:
            raise Skip("more elements than the suite takes")
        if value.dim() > 8:
            raise Skip("more than 8 dims")
        if name in ("index", "target") and value.dtype in (torch.uint8, torch.int8, torch.int16):
            raise Skip(f"indices in {value.dtype}")
        self.flat.append(value)
        return len(self.flat) - 1

    def bind(self, name, value):
        name = RENAMED.get((self.op["name"], name), name)
        if name == "dropout_p" and value > 0:
            raise Skip("random")
        if name == "unbiased" or (name == "dim" and isinstance(value, bool)):
            name, value = "correction", int(value)
        if name == "correction" and value is None:
            return
        if self.op["name"] == "scatter" and name == "src" and not isinstance(value, torch.Tensor):
            name = "value"
        if name in self.inputs:
            variadic = self.op["inputs"][self.inputs[name]]["kind"] == "variadic"
            if variadic:
                items = value if isinstance(value, (list, tuple)) else [value]
                self.variadic = [self.take_tensor(name, item) for item in items]
            elif isinstance(value, torch.Tensor):
                self.given[name] = self.take_tensor(name, value)
            elif isinstance(value, (bool, int, float, complex)):
                self.given[name] = scalar_input(value)
            elif value is not None:
                raise Skip(f"input {name} as {type(value).__name__}")
        elif name in self.attributes:
            self.attrs[name] = attribute(self.attributes[name], value)
        elif value is not None and name not in IMMATERIAL:
            raise Skip(f"argument {name}={value}")

    def run(self):
        values = [self.sample.input, *self.sample.args]
        names = self.parameters()
        # permute(x, 0, 1) and the like: the rest is one list.
        lists = [a for a, s in self.attributes.items() if s["type"] == "list of int"]
        if len(values) > len(names) and names and names[-1] in lists:
            values = values[: len(names) - 1] + [list(values[len(names) - 1 :])]
        if len(values) > len(names):
            raise Skip("more positional arguments")
        for name, value in zip(names, values):
            self.bind(name, value)
        for name, value in self.sample.kwargs.items():
            self.bind(name, value)

    def ours(self):
        """Our inputs: indices into flat, tensors of their own, or None."""
        fixed = [self.given.get(s["name"]) for s in self.op["inputs"] if s["kind"] != "variadic"]
        return fixed + self.variadic


def make_case(op, info, sample, text):
    binding = Binding(op, sample)
    binding.run()
    ties = op["name"] in ORDER_OF_TIES and sample.input.numel() != sample.input.unique().numel()
    ours, originals = binding.ours(), binding.flat
    places = {id(tensor): i for i, tensor in enumerate(originals)}

    def reference(tensors):
        filled = {place: tensors[k] for k, place in enumerate(ours) if isinstance(place, int)}

        def refill(value):
            if isinstance(value, torch.Tensor):
                return filled.get(places.get(id(value)), value)
            if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
                return type(value)(refill(item) for item in value)
            return value

        kwargs = {key: refill(value) for key, value in sample.kwargs.items()}
        result = info.op(refill(sample.input), *refill(list(sample.args)), **kwargs)
        return result[0] if ties else result  # which of equal values an index names is left open

    inputs = [originals[place] if isinstance(place, int) else place for place in ours]
    while inputs and inputs[-1] is None:
        inputs.pop()
    inputs = [None if x is None else x.detach().contiguous().clone() for x in inputs]
    return Case(op["name"], binding.attrs, inputs, reference, text, gradient=not ties)


def cases_of(op, dtype):
    """Cases of one op in one dtype, and why samples were left out: a dict reason -> count."""
    cases, left_out = [], {}
    if op["name"] in RANDOM:
        return [], {"random": 1}
    for info in opinfos(op["name"]):
        if DTYPES[dtype] not in info.supported_dtypes("cpu"):
            continue
        torch.manual_seed(7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            samples = list(info.sample_inputs("cpu", DTYPES[dtype], requires_grad=False))
        for index, sample in enumerate(samples):
            try:
                text = f"{info.formatted_name} sample {index}"
                cases.append(make_case(op, info, sample, text))
            except Skip as reason:
                left_out[str(reason)] = left_out.get(str(reason), 0) + 1
    return cases, left_out
