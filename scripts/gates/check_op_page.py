# SPDX-License-Identifier: Apache-2.0
"""docs/ops.md says what `gradus op list --json` says. With --write it is written anew."""

import json
import os
import subprocess

import tree

PAGE = "docs/ops.md"
HEAD = """# Ops

Every op, as `gradus op list --json` describes it; `scripts/gates/check_op_page.py --write` makes this page,
and the gate `op_page` compares the two. Names, attributes, their order and their defaults are those of PyTorch's
functional interface where it has the op. `input?` may be absent, `input...` stands for one or more tensors.
An attribute without a default is required.

`gradus op show NAME` adds the kernels of this build and the calls that the tests make; `gradus op run NAME` runs one.
"""


def value(content):
    return "none" if content is None else json.dumps(content)


def attribute(entry):
    default = "required" if entry["required"] else "default " + value(entry["default"])
    return f"`{entry['name']}` ({entry['type']}, {default})"


def facts(op):
    """The lines under an op's formula, without those that say nothing."""
    fixed = [entry["name"] for entry in op["inputs"] if not entry["differentiable"]]
    places = [f"`{pair['output']}` in that of `{pair['input']}`" for pair in op["in_place"]]
    states = [f"`{pair['input']}`" for pair in op["updates"]]
    kinds = [word for word in ("composite", "view", "random") if op[word]]
    yield "Attributes", ", ".join(attribute(entry) for entry in op["attributes"])
    yield "Outputs", ", ".join(f"`{name}`" for name in op["outputs"])
    yield "Dtypes", ", ".join(op["dtypes"])
    yield "Gradient", op["gradient"] if op["gradient"] != "yes" else (
        "yes" + (f"; not by `{'`, `'.join(fixed)}`" if fixed else "")
    )
    yield "Memory it may take", ", ".join(places)
    yield "State it updates", ", ".join(states)
    yield "Kind", ", ".join(kinds)
    yield "Under autocast", "" if op["autocast"] == "follow" else op["autocast"].replace("_", " ")


def section(op):
    lines = [f"## {op['name']}", "", f"`{op['signature']}`", "", op["doc"], ""]
    lines += [f"- {name}: {text}" for name, text in facts(op) if text]
    return "\n".join(lines) + "\n"


def page(ops):
    index = ", ".join(f"[{op['name']}](#{op['name']})" for op in ops)
    return HEAD + "\n" + index + "\n\n" + "\n".join(section(op) for op in ops)


def main():
    parser = tree.parser(__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    command = [arguments.program, "op", "list", "--json"]
    ops = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    wanted, path = page(ops), os.path.join(arguments.root, PAGE)
    if arguments.write:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(wanted)
    there = tree.read(arguments.root, PAGE) if os.path.exists(path) else ""
    problems = []
    if there != wanted:
        problems.append(f"{PAGE} is not what the program says; write it by --write")
    tree.finish("op_page", problems, f"{len(ops)} ops")


if __name__ == "__main__":
    main()
