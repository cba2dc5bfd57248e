# SPDX-License-Identifier: Apache-2.0
"""What every gate shares: the files of the tree, C++ text without comments, and the report."""

import argparse
import os
import re
import sys

LIBRARY = ("engine", "kernels", "ops", "models", "data", "training", "interop", "distributed")
CODE = LIBRARY + ("tools", "tests", "benchmarks", "examples")
CXX = (".cpp", ".h", ".cu", ".cuh", ".inc")


def parser(doc):
    """An argument parser with --root, the tree to look at (default: this one)."""
    result = argparse.ArgumentParser(description=doc)
    here = os.path.dirname(os.path.abspath(__file__))
    result.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    return result


def files(root, folders, suffixes):
    """Paths, relative to root and sorted, of the files with these endings in these folders."""
    found = []
    for folder in folders:
        for path, _, leaves in os.walk(os.path.join(root, folder)):
            inside = os.path.relpath(path, root)
            if not (inside + os.sep).startswith(os.path.join("data", "cache", "")):
                found += [os.path.join(inside, leaf) for leaf in leaves if leaf.endswith(suffixes)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read()


_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""  # comments
    r"""|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""",  # literals
    re.DOTALL,
)


def bare(text):
    """C++ text with comments and literals blanked and every line still in its place."""
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "_", text)  # digit separators
    return _TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def finish(gate, problems, summary):
    """Prints what is wrong, or the one-line summary, and ends with the gate's exit code."""
    for problem in problems:
        print(problem)
    print(f"{gate}: {len(problems)} problem(s)" if problems else f"{gate}: {summary}")
    sys.exit(1 if problems else 0)
