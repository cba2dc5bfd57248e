# SPDX-License-Identifier: Apache-2.0
"""Every C++ and CUDA file is as clang-format 14 would write it with the tree's .clang-format."""

import concurrent.futures
import os
import shutil
import subprocess

import tree


def differing_lines(root, path, program):
    """Line numbers at which clang-format would change the file."""
    with open(os.path.join(root, path), "rb") as stream:
        before = stream.read()
    run = subprocess.run(
        [program, "--style=file", path], cwd=root, stdout=subprocess.PIPE, check=True
    )
    if run.stdout == before:
        return []
    old, new = before.split(b"\n"), run.stdout.split(b"\n")
    first = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    return [first + 1]


def main():
    arguments = tree.parser(__doc__).parse_args()
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not program:
        tree.finish("format", ["clang-format not found: run scripts/setup.sh"], "")
    paths = tree.files(arguments.root, tree.CODE, (".cpp", ".h", ".cu", ".cuh"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        lines = pool.map(lambda path: differing_lines(arguments.root, path, program), paths)
    problems = [
        f"{path}:{line[0]}: run clang-format -i {path}" for path, line in zip(paths, lines) if line
    ]
    tree.finish("format", problems, f"{len(paths)} files")


if __name__ == "__main__":
    main()
