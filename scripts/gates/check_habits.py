# SPDX-License-Identifier: Apache-2.0
"""Each concept has one home: threads, random numbers, kernel launches, output and errors are not
written a second time elsewhere, and no file lacks its licence line."""

import re

import tree

# (what, pattern, folders it is looked for in, paths where it belongs, instead)
LIBRARY = tree.LIBRARY
PROGRAM = tree.LIBRARY + ("tools",)
RULES = [
    (
        "OpenMP region",
        r"#\s*pragma\s+omp\s+(?!simd|declare|ordered)",
        tree.CODE,
        r"^engine/base/parallel\.cpp$",
        "parallel_for of engine/base/parallel.h",
    ),
    (
        "thread",
        r"\bstd::(jthread|thread\b(?!::)|async\b)",
        ("engine", "kernels", "ops", "models"),
        r"^(engine/base/parallel\.cpp$|kernels/sim/|engine/comm/)",
        "parallel_for of engine/base/parallel.h",
    ),
    (
        "random numbers",
        r"\bstd::(mt19937|rand\b|random_device|default_random_engine|\w+_distribution\b)|\bsrand\b",
        PROGRAM,
        r"$^",
        "the counters of engine/base/philox.h",
    ),
    (
        "kernel launch",
        r"<<<|\b(cuda|cu)LaunchKernel",
        tree.CODE,
        r"^kernels/(common|sim)/",
        "launch() of kernels/common",
    ),
    (
        "output of the library",
        r"\bstd::(cout|cerr|clog)\b|\bfmt::print\s*\("
        r"|\b(?:std::|::)?(printf|fprintf|puts|putchar|perror)\s*\(",
        LIBRARY,
        r"^(engine/base/log\.cpp$|kernels/sim/)",
        "log() of engine/base/log.h, or a result that the caller prints",
    ),
    (
        "end of the process",
        r"(?<![.\w])(?:std::|::)?(_?exit|_Exit|abort|quick_exit|terminate)\s*\(",
        LIBRARY,
        r"^kernels/sim/",
        "fail() of engine/base/error.h",
    ),
    (
        "foreign exception",
        r"\bthrow\s+(?!Error\b|gradus::Error\b)\w",
        LIBRARY,
        r"^(kernels/sim/|training/toml_reader\.cpp$)",  # it catches its own
        "GRADUS_CHECK or fail() of engine/base/error.h",
    ),
    (
        "whole namespace",
        r"\busing\s+namespace\s+std\b",
        tree.CODE,
        r"$^",
        "qualified names",
    ),
]
# Looked for in comments too.
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
BOASTING = re.compile(r"(^|[_/])(fast|new|optimi[sz]ed|improved)(_|\.|$)")
NATIVE = re.compile(r"-march=native|-mtune=native|-ffast-math|-Ofast")


def lines_matching(pattern, text):
    return [text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)]


def check_code(path, text):
    code, problems = tree.bare(text), []
    for what, pattern, folders, home, instead in RULES:
        if path.split("/")[0] in folders and not re.search(home, path):
            for line in lines_matching(re.compile(pattern), code):
                problems.append(f"{path}:{line}: {what} outside of its home; use {instead}")
    return problems


def check_text(path, text):
    problems = []
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in text.split("\n")[:3]):
        problems.append(f"{path}:1: the line `SPDX-License-Identifier: Apache-2.0` is missing")
    for line in lines_matching(UNFINISHED, text):
        problems.append(f"{path}:{line}: unfinished work belongs in an issue")
    if BOASTING.search(path):
        problems.append(f"{path}: a name says what a thing does, not how good it is")
    return problems


def main():
    root = tree.parser(__doc__).parse_args().root
    problems = []
    code = tree.files(root, tree.CODE, tree.CXX)
    for path in code:
        problems += check_code(path, tree.read(root, path))
    scripts = tree.files(
        root, tree.CODE + ("scripts", "cmake"), (".py", ".sh", ".cmake", "CMakeLists.txt")
    )
    itself = "scripts/gates/check_habits.py"
    for path in code + [path for path in scripts if path != itself]:
        problems += check_text(path, tree.read(root, path))
    for path in ["CMakeLists.txt"] + [path for path in scripts if path.endswith(".cmake")]:
        for line in lines_matching(NATIVE, tree.read(root, path)):
            problems.append(f"{path}:{line}: a flag that breaks portable or exact builds")
    tree.finish("habits", problems, f"{len(code) + len(scripts)} files")


if __name__ == "__main__":
    main()
