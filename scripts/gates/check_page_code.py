# SPDX-License-Identifier: Apache-2.0
"""Code on a page is code that is compiled: each ```cpp block of a page in PAGES stands, to the
letter, in the test beside it."""

import re

import tree

PAGES = {"docs/adding_an_op.md": "tests/docs/adding_an_op_test.cpp"}


def missing_blocks(page, source):
    """The first line of every block of the page's text that the source does not contain, and how
    many blocks there are."""
    blocks = re.findall(r"^```cpp\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [b.split("\n")[0] for b in blocks if b.strip() not in source], len(blocks)


def main():
    root = tree.parser(__doc__).parse_args().root
    problems, count = [], 0
    for page, source in PAGES.items():
        missing, blocks = missing_blocks(tree.read(root, page), tree.read(root, source))
        problems += [f"{page}: the block that begins '{line}' is not in {source}" for line in missing]
        if not blocks:
            problems.append(f"{page}: no code block")
        count += blocks
    tree.finish("page_code", problems, f"{count} blocks are compiled")


if __name__ == "__main__":
    main()
