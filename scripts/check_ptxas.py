# SPDX-License-Identifier: Apache-2.0
"""Compiles the CUDA kernels with nvcc, which needs no GPU, and holds what ptxas says of each against
its budget: no spills, no more registers than fit the blocks per multiprocessor it is written for.
Files of kernels that have no budget are left out, and counted."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # what ctest takes for "not run"

# Registers per thread a kernel may use, by the start of its name. 65,536 registers of a
# multiprocessor: 256 threads at 128 leave room for two blocks. Kernels for f64 may use more.
REGISTERS = {
    "softmax_in_registers": 128,
    "softmax_streaming": 64,
    "softmax_columns": 64,
    "matmul_mma": 176,  # 128 threads are held to 168 by their three blocks, 256 have one block
    "matmul_simt_kernel": 192,  # one block of 256 threads, as at any count above 128
    "adam_step": 64,
}
# Kernels for f64 call ptxas' routine for division, which saves a register pair or two around it.
F64_STACK = 16
ARCHITECTURES = ("80", "90a")
FLAGS = ["-std=c++20", "-O3", "-DFMT_CONSTEVAL=", "-DFMT_USE_CONSTEXPR=1", "-Xptxas=-v", "-c"]
ENTRY = re.compile(
    r"Compiling entry function '(\S+)' for 'sm_(\w+)'.*?"
    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads.*?"
    r"Used (\d+) registers",
    re.DOTALL,
)


def budget_of(symbol):
    """The kernel a mangled name stands for, and its registers."""
    names = [name for name in REGISTERS if re.search(rf"\d+{name}I|\d+{name}E", symbol)]
    return (names[0], REGISTERS[names[0]]) if names else (symbol, None)


def has_budget(source):
    """Whether the file names a kernel with a budget."""
    with open(source, encoding="utf-8") as file:
        text = file.read()
    return any(re.search(rf"\b{name}", text) for name in REGISTERS)


def is_f64(symbol):
    """Whether the kernel's first template argument is double."""
    return re.search(r"[a-z_]Id", symbol) is not None


def compile_kernels(root, nvcc, source, folder):
    """What nvcc says while it compiles one file for every architecture."""
    target = os.path.join(folder, os.path.basename(source) + ".o")
    codes = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES]
    launcher = [shutil.which("ccache")] if shutil.which("ccache") else []
    command = launcher + [nvcc, *FLAGS, *codes, "-I", root, source, "-o", target]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def check_output(source, output):
    problems = []
    entries = ENTRY.findall(output)
    for symbol, architecture, stack, stores, loads, registers in entries:
        name, budget = budget_of(symbol)
        where = f"{source}: {name} for sm_{architecture}"
        if budget is None:
            problems.append(f"{where}: no register budget; add a row to {os.path.basename(__file__)}")
        elif int(registers) > budget:
            problems.append(f"{where}: {registers} registers, budget {budget} ({symbol})")
        if max(int(stores), int(loads), int(stack)) > (F64_STACK if is_f64(symbol) else 0):
            problems.append(f"{where}: {stack} bytes of stack, {stores} spilled ({symbol})")
    problems += [f"{source}: {line}" for line in output.splitlines() if "serializ" in line]
    return len(entries), problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("files", nargs="*", help="kernel files; those of kernels/cuda with budgets if none")
    options = parser.parse_args()
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        print("ptxas: skipped, nvcc is not installed")
        sys.exit(SKIPPED)
    folder = os.path.join(options.root, "kernels", "cuda")
    sources = options.files or [
        os.path.join(folder, leaf) for leaf in sorted(os.listdir(folder)) if leaf.endswith(".cu")
    ]
    without = [source for source in sources if not options.files and not has_budget(source)]
    sources = [source for source in sources if source not in without]
    kernels, problems = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        for source in sources:
            code, output = compile_kernels(options.root, nvcc, source, scratch)
            name = os.path.relpath(source, options.root)
            if code != 0:
                problems.append(f"{name}: nvcc failed\n{output}")
                continue
            found, wrong = check_output(name, output)
            kernels += found
            problems += wrong
    if kernels == 0:
        problems.append("expected kernels, found none")
    for problem in problems:
        print(problem)
    print(f"ptxas: {kernels} kernels, {len(problems)} problem(s); {len(without)} files without a budget")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
