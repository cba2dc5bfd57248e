# SPDX-License-Identifier: Apache-2.0
"""Includes point one way: a folder may include what stands in its row below, and no folders form
a cycle. Every quoted include names a file from the root of the tree."""

import os
import re

import tree

# The deepest row that matches an including file's folder counts; it lists folders, each with all
# that is below it unless a row of its own says otherwise. `kernels/.` is kernels' own files alone.
BASE = ("engine/base",)
DEVICE = ("engine/device",) + BASE
TENSOR = ("engine/tensor",) + DEVICE
OP = ("engine/op", "engine/comm") + TENSOR
GRAPH = ("engine/graph",) + OP
CONTRACTS = ("kernels/.", "kernels/tune", "kernels/common", "kernels/sim") + BASE
OPS = ("ops", "kernels", "engine")
MAY_INCLUDE = {
    "engine/base": (),
    "engine/device": BASE,
    "engine/tensor": DEVICE,
    "engine/comm": DEVICE,
    "engine/op": OP[1:],
    "engine/graph": OP,
    "engine/autodiff": GRAPH,
    "engine/passes": GRAPH,
    "engine/plan": GRAPH,
    "engine/exec": ("engine/plan", "engine/passes", "engine/autodiff") + GRAPH,
    "engine/io": TENSOR,
    "kernels/sim": BASE,
    "kernels/common": ("kernels/sim",) + BASE,
    "kernels": ("kernels/common", "kernels/sim") + BASE,
    "kernels/tune": ("kernels/common", "kernels/sim") + BASE,
    "kernels/cpu": CONTRACTS,
    "kernels/cuda": CONTRACTS,
    "ops": ("kernels", "engine"),
    "models": OPS,
    "distributed": OPS,
    "data": ("engine/tensor",) + DEVICE,
    "interop": ("distributed", "models", "data") + OPS,
    "training": ("interop", "distributed", "models", "data") + OPS,
    "tools": ("training", "interop", "distributed", "models", "data") + OPS,
    "tests": tree.LIBRARY + ("tools",),
    "benchmarks": tree.LIBRARY + ("tools",),
    "examples": ("engine", "kernels/.", "ops", "models", "data", "training"),
}

# Headers of libraries: where they may appear. Heavy ones stay out of our headers.
LIBRARIES = [
    (r"nlohmann/(?!json_fwd)|toml\+\+/", r"\.cpp$", "in .cpp files only: it costs seconds in every includer"),
    (r"CLI/", r"^tools/.*\.cpp$", "in tools/*.cpp only"),
    (
        r"oneapi/|dnnl",
        r"^(kernels/cpu/onednn/adapter\.h$|benchmarks/)",
        "in kernels/cpu/onednn/adapter.h only",
    ),
    (
        r"omp\.h",
        r"^engine/base/(parallel|serial_openmp)\.cpp$",
        "in engine/base/parallel.cpp: use parallel_for",
    ),
    (
        r"cuda|cooperative_groups|cub/|nccl|cublas|cudnn|nvrtc",
        r"^(kernels/(cuda|common|sim)|engine/device/cuda|distributed/nccl|tests)/",
        "in the folders of the CUDA backend only",
    ),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def rule_of(folder):
    while folder not in MAY_INCLUDE:
        folder = os.path.dirname(folder)
        if not folder:
            return None
    return folder


def allowed(source, target):
    """Whether a file of folder `source` may include one of folder `target`."""
    rule = rule_of(source)
    if rule is None:
        return False
    if rule_of(target) == rule:
        return True  # within one area; check_cycles sees to its folders
    for entry in MAY_INCLUDE[rule]:
        if entry.endswith("/."):
            if target == entry[:-2]:
                return True
        elif target == entry or target.startswith(entry + "/"):
            return True
    return False


def find_cycle(edges):
    """One cycle of folders as a list, or None. `edges` maps a folder to those it includes."""
    done, path = set(), []

    def visit(folder):
        if folder in path:
            return path[path.index(folder) :] + [folder]
        if folder in done:
            return None
        path.append(folder)
        for target in sorted(edges.get(folder, {})):
            cycle = visit(target)
            if cycle:
                return cycle
        done.add(path.pop())
        return None

    return next(filter(None, map(visit, sorted(edges))), None)


def check_library(path, line, header):
    for pattern, place, reason in LIBRARIES:
        if re.match(pattern, header) and not re.search(place, path):
            return [f"{path}:{line}: <{header}> belongs {reason}"]
    return []


def main():
    arguments = tree.parser(__doc__).parse_args()
    root = arguments.root
    problems, edges, count = [], {}, 0
    for path in tree.files(root, tree.CODE, tree.CXX):
        text = tree.read(root, path)
        for match in INCLUDE.finditer(text):
            count += 1
            line = text.count("\n", 0, match.start(2)) + 1
            header = match.group(2)
            if match.group(1) == "<":
                problems += check_library(path, line, header)
                continue
            source, target = os.path.dirname(path), os.path.dirname(header)
            generated = header == "engine/base/version.h"
            if not generated and not os.path.exists(os.path.join(root, header)):
                problems.append(f'{path}:{line}: "{header}" is no file, seen from the root')
            elif not allowed(source, target):
                problems.append(f'{path}:{line}: {source}/ may not include "{header}"')
            elif target != source:
                edges.setdefault(source, {})[target] = f"{path}:{line}"
    cycle = find_cycle(edges)
    if cycle:
        steps = [f"  {edges[a][b]}: {a} -> {b}" for a, b in zip(cycle, cycle[1:])]
        problems.append("folders include each other in a cycle:\n" + "\n".join(steps))
    tree.finish("includes", problems, f"{count} includes, one direction")


if __name__ == "__main__":
    main()
