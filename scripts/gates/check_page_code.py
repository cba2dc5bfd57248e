#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Code on a page is code that is compiled: each ```cpp block of docs/adding_an_op.md stands, to the letter, in its test."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {"docs/adding_an_op.md": "tests/docs/adding_an_op_test.cpp"}


def missing_blocks(page: str, source: str) -> list[str]:
    """The first line of every block of the page that the source does not contain."""
    return [block.splitlines()[0] for block in re.findall(r"```cpp\n(.*?)```", page, re.S) if block.strip() not in source]


def main() -> int:
    failures = 0
    for page, source in PAGES.items():
        text = (ROOT / page).read_text()
        blocks = len(re.findall(r"```cpp\n", text))
        missing = missing_blocks(text, (ROOT / source).read_text())
        for line in missing:
            print(f"{page}: the block that begins with '{line}' is not in {source}")
        if blocks == 0:
            print(f"{page}: no code block")
        failures += len(missing) + (blocks == 0)
    print(f"docs: {len(PAGES)} pages checked, {failures} blocks differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
