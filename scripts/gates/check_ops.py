# SPDX-License-Identifier: Apache-2.0
"""Every op of the op list is known to the program, has a doc line and samples, and is tested.

The rows of ops/op_list.inc and kernels/elementwise.inc are compared with what the program says of
itself (`gradus op list --json`) and with the names of the tests."""

import json
import os
import re
import subprocess

import tree
from check_ledger import test_names

ROW = re.compile(r"^[A-Z_]+\((\w+)", re.MULTILINE)


def listed(root):
    """Names of the rows of both lists."""
    names = set()
    for path in ("ops/op_list.inc", "kernels/elementwise.inc"):
        if os.path.exists(os.path.join(root, path)):
            names |= set(ROW.findall(tree.bare(tree.read(root, path))))
    return names


def check_op(op, tests):
    name, problems = op["name"], []
    if not str(op.get("doc", "")).strip():
        problems.append(f"{name}: no doc line")
    if not op.get("samples"):
        problems.append(f"{name}: no samples")
    if not any(re.search(rf"(^|[./_]){re.escape(name)}($|[./])", test) for test in tests):
        problems.append(f"{name}: no test is named after it")
    return problems


def main():
    parser = tree.parser(__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--program", required=True)
    arguments = parser.parse_args()
    command = [arguments.program, "op", "list", "--json"]
    ops = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    tests = test_names(arguments.build)
    known, rows, problems = {op["name"] for op in ops}, listed(arguments.root), []
    if not ops:
        problems.append("the program lists no op")
    problems += [
        f"{name}: a row, but the program does not know it" for name in sorted(rows - known)
    ]
    problems += [f"{name}: known, but no row lists it" for name in sorted(known - rows)]
    for op in ops:
        problems += check_op(op, tests)
    tree.finish("ops", problems, f"{len(ops)} ops with doc, samples and tests")


if __name__ == "__main__":
    main()
