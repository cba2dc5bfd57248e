# SPDX-License-Identifier: Apache-2.0
"""Sizes stay readable: lines per file, per function and per folder.

A file of more than 400 lines is listed and one of more than 800 refused; a function has at most 80
lines, in kernels/ 150; a folder stays within its row of line_budget.tsv, which is raised on
purpose, in a commit that says why."""

import os
import re

import tree

FILE_SOFT, FILE_HARD = 400, 800
FUNCTION, KERNEL = 80, 150
MEASURED = tree.CXX + (".py", ".sh", ".cmake")

_TEMPLATE = re.compile(r"template\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>")
_TYPE = re.compile(
    r"(?:(?:inline|static|typedef|const|constexpr)\s+)*(?:namespace|class|struct|union|enum)\b"
)
_ATTRIBUTE = re.compile(r"\b__\w+__\s*\((?:[^()]|\([^()]*\))*\)")  # __launch_bounds__(256)
_NAME = re.compile(r"([~\w:]+|operator\s*\S+)\s*\(")


def without_preprocessor(text):
    """Blanks directives and every branch but the first of an #if, so that braces balance."""
    lines, stack, continued = [], [], False
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)", line)
        if continued or directive:
            word = directive.group(1) if directive and not continued else ""
            if word.startswith("if"):
                stack.append(True)
            elif word in ("else", "elif") and stack:
                stack[-1] = False
            elif word == "endif" and stack:
                stack.pop()
            continued = line.endswith("\\")
            line = ""
        lines.append(line if all(stack) else "")
    return "\n".join(lines)


def flattened(head):
    """The text before a brace without templates, arguments and initialisers: `int f() const`."""
    code, before = _TEMPLATE.sub(" ", head).strip(), None
    while code != before:
        before = code
        code = re.sub(r"\([^()]+\)|\{[^{}]*\}", "()", code)
    return code


def kind_of_brace(head):
    """`function`: a body opens; `value`: an argument `= {` or a member's initialiser `a_{` before a
    body; else `scope`."""
    flat = flattened(head)
    if _TYPE.match(flat):
        return "scope"
    if flat.count("(") != flat.count(")"):
        return "value"
    if re.search(r"\)[^:]*[^:]:[^:]", flat) and re.search(r"[\w>]$", flat):
        return "value"
    assigned = "=" in re.sub(r"operator\s*[^\s\w(]+", "", flat)
    return "scope" if "()" not in flat or assigned else "function"


def functions(text):
    """(name, first line, lines) of every function defined outside of a function; what is inside
    one, lambdas included, counts as its lines."""
    text = without_preprocessor(tree.bare(text))
    scopes, start, found = [], 0, []
    body = None  # name, first line and depth of the function that we are in
    for match in re.finditer(r"[{};]", text):
        token, position = match.group(), match.start()
        if token == "{":
            kind = "inner" if body else kind_of_brace(text[start:position])
            scopes.append(kind)
            if kind == "function":
                head = text[start:position]
                name = _NAME.search(_ATTRIBUTE.sub(" ", _TEMPLATE.sub(" ", head)))
                first = text.count("\n", 0, start + len(head) - len(head.lstrip())) + 1
                body = (name.group(1) if name else "lambda", first, len(scopes))
        elif token == "}" and scopes:
            if body and body[2] == len(scopes):
                found.append((body[0], body[1], text.count("\n", 0, position) + 2 - body[1]))
                body = None
            if scopes.pop() == "value":
                continue
        if "value" not in scopes:
            start = match.end()
    return found


def check_functions(path, text):
    limit = KERNEL if path.startswith("kernels/") else FUNCTION
    return [
        f"{path}:{first}: {name} has {lines} lines, at most {limit}"
        for name, first, lines in functions(text)
        if lines > limit
    ]


def check_budget(root, lines_of):
    """Compares the folders' totals with the rows `folder<TAB>lines`."""
    table = os.path.join("scripts", "gates", "line_budget.tsv")
    problems = []
    for row in tree.read(root, table).splitlines()[1:]:
        folder, limit = row.split("\t")
        total = sum(n for path, n in lines_of.items() if path.startswith(folder + "/"))
        print(f"size: {folder:12} {total:6} of {limit} lines")
        if total > int(limit):
            problems.append(f"{folder}/ has {total} lines, {table} allows {limit}")
    return problems


def main():
    root = tree.parser(__doc__).parse_args().root
    paths = tree.files(root, tree.CODE + ("scripts", "cmake"), MEASURED)
    lines_of, problems = {}, []
    for path in paths:
        text = tree.read(root, path)
        lines_of[path] = text.count("\n")
        if lines_of[path] > FILE_HARD:
            problems.append(f"{path}: {lines_of[path]} lines, at most {FILE_HARD}")
        elif lines_of[path] > FILE_SOFT:
            print(f"size: note: {path} has {lines_of[path]} lines, more than {FILE_SOFT}")
        if path.endswith((".cpp", ".h", ".cu", ".cuh")):
            problems += check_functions(path, text)
    problems += check_budget(root, lines_of)
    tree.finish("size", problems, f"{len(paths)} files, {sum(lines_of.values())} lines")


if __name__ == "__main__":
    main()
