# SPDX-License-Identifier: Apache-2.0
"""CUDA kernels are written in the dialect that also runs in the simulator: shared memory, launches
and instructions below the level of C++ only through the wrappers of kernels/common."""

import re

import tree

# (what, pattern, instead); kernels/common and kernels/sim are where these belong.
RULES = [
    ("shared memory", r"\b__shared__\b", "SHARED() or dynamic_shared<T>() of kernels/common/shared.h"),
    ("constant memory", r"\b__constant__\b", "a struct parameter of the kernel"),
    ("launch", r"<<<|\b(cuda|cu)Launch\w*", "launch() of kernels/common/launch.h"),
    ("assembly", r"\b(asm|__asm__)\b", "a wrapper in kernels/common, with its model in kernels/sim"),
    (
        "CUDA C++ library",
        r"\bcooperative_groups\b|\bcuda::|\bcub::|\bthrust::|\bnvcuda::",
        "the wrappers of kernels/common",
    ),
    ("vendor types", r"\b(__half2?|__nv_bfloat162?|half2)\b", "f16 and bf16 of engine/base/half.h"),
    (
        "bytewise access",
        r"\b(memcpy|memset)\s*\(",
        "assignments and load_vector(): the simulator's hooks do not see it",
    ),
    ("architecture test", r"\b__CUDA_ARCH\w*", "a file compiled for that architecture only"),
]
FOLDERS = ("kernels/cuda", "tests/sim")
INCLUDES = re.compile(r'^\s*#\s*include\s*[<"](cuda\w*|cub|thrust|cooperative\w*|mma)[./]', re.MULTILINE)


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def check_file(root, path):
    text = tree.read(root, path)
    code = tree.bare(text)
    problems = [
        f"{path}:{line_of(code, match)}: {what}: use {instead}"
        for what, pattern, instead in RULES
        for match in re.finditer(pattern, code)
    ]
    problems += [
        f"{path}:{line_of(text, match)}: a CUDA header: include kernels/common/cuda.h"
        for match in INCLUDES.finditer(text)
    ]
    return problems


def main():
    root = tree.parser(__doc__).parse_args().root
    paths = [
        path
        for path in tree.files(root, FOLDERS, tree.CXX)
        if path.startswith("kernels/cuda/") or path.endswith(".cu")
    ]
    problems = [problem for path in paths for problem in check_file(root, path)]
    if not paths:
        problems.append("kernels/cuda: expected kernel files, found none")
    tree.finish("kernels", problems, f"{len(paths)} kernel files use the wrappers")


if __name__ == "__main__":
    main()
