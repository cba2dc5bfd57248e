# SPDX-License-Identifier: Apache-2.0
"""docs/ledger.tsv has every row id once and in order, and what a row names as its proof exists.

Columns: id, status (open, partial, done, docs), shown_by: `;`-separated names of ctest tests (with
`*` for any text) or files of the tree. A row that is not open names at least one; one that is done
names a test or a recipe, and one that is a concept (docs) a file."""

import fnmatch
import json
import os
import re
import subprocess

import tree

LEDGER = os.path.join("docs", "ledger.tsv")
IDS = [f"S{number:03}" for number in range(1, 318)]
STATUSES = ("open", "partial", "done", "docs")


def test_names(build):
    """Names of all tests that ctest knows in a build folder."""
    command = ["ctest", "--test-dir", build, "--show-only=json-v1"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [test["name"] for test in json.loads(run.stdout)["tests"]]


def check_proof(proof, root, tests):
    if fnmatch.filter(tests, proof):
        return ""
    if re.fullmatch(r"[\w./-]+", proof) and os.path.isfile(os.path.join(root, proof)):
        return ""
    return f"'{proof}' is neither a ctest test nor a file"


def check_row(row, root, tests):
    fields = row.split("\t")
    if len(fields) != 3:
        return f"expected 3 columns, got {len(fields)}"
    _, status, shown_by = fields
    proofs = [proof.strip() for proof in shown_by.split(";") if proof.strip()]
    if status not in STATUSES:
        return f"status '{status}' is none of {', '.join(STATUSES)}"
    if status != "open" and not proofs:
        return f"status '{status}' needs a test, a recipe or a page in shown_by"
    if status == "done" and all(proof.endswith(".md") for proof in proofs):
        return "done needs a test or a recipe, not a page alone"
    wrong = [message for message in (check_proof(p, root, tests) for p in proofs) if message]
    return "; ".join(wrong)


def main():
    parser = tree.parser(__doc__)
    parser.add_argument("--build", required=True, help="build folder whose tests count")
    arguments = parser.parse_args()
    root = arguments.root
    lines = tree.read(root, LEDGER).splitlines()
    problems = []
    if not lines or lines[0] != "id\tstatus\tshown_by":
        problems.append(f"{LEDGER}:1: expected the header id, status, shown_by")
    ids = [line.split("\t")[0] for line in lines[1:]]
    for wrong in sorted(set(ids) ^ set(IDS)):
        problems.append(f"{LEDGER}: id {wrong} is {'unknown' if wrong in ids else 'missing'}")
    if ids != sorted(set(ids)):
        problems.append(f"{LEDGER}: ids stand twice or out of order")
    tests = test_names(arguments.build)
    for number, line in enumerate(lines[1:], 2):
        message = check_row(line, root, tests)
        if message:
            problems.append(f"{LEDGER}:{number}: {line.split(chr(9))[0]}: {message}")
    shown = sum("\topen\t" not in line for line in lines[1:])
    tree.finish("ledger", problems, f"{shown} of {len(IDS)} rows shown, {len(tests)} tests known")


if __name__ == "__main__":
    main()
