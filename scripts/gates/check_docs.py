# SPDX-License-Identifier: Apache-2.0
"""Every command in README.md, CONTRIBUTING.md and docs/ works: the lines of ```sh blocks are checked
one by one, and blocks marked ```sh run are executed, line by line, in a scratch folder
(```sh run steps=20 cuts long trainings short). All of README.md is run, here or by a test of its own.

A checked line must name a script of the tree (which must answer --help and parse), a preset that
exists, or a command of the program with options that its --help lists; its recipes must exist.
A plain git, cd or apt-get line is left alone, and counted aloud."""

import json
import os
import re
import shlex
import subprocess
import tempfile

import tree

BLOCK = re.compile(r"^```(sh[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What README.md may show without running it here: tests of their own do.
RUN_ELSEWHERE = ("scripts/quickstart.sh", "scripts/test.sh")
UNCHECKED = ("git", "cd", "apt-get", "sudo", "less", "cat", "ls")


def commands(text):
    """(line number, block's marks, command) of every command; a trailing backslash joins lines."""
    for block in BLOCK.finditer(text):
        number = text.count("\n", 0, block.start(2)) + 1
        pending, first = "", number
        for offset, line in enumerate(block.group(2).split("\n")):
            first = first if pending else number + offset
            pending += line.rstrip("\\") if line.endswith("\\") else line
            if line.endswith("\\"):
                continue
            if pending.strip() and not pending.lstrip().startswith("#"):
                yield first, block.group(1).split()[1:], pending.strip()
            pending = ""


def help_of(command, root):
    """What `COMMAND --help` prints, or None where it fails."""
    run = subprocess.run(
        command + ["--help"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return run.stdout if run.returncode == 0 else None


def check_program(words, root, program):
    """`gradus COMMAND ...`: its --help works and lists the options that are used."""
    depth = 1
    while depth < len(words) and re.fullmatch(r"[a-z_]+", words[depth]) and depth < 4:
        if help_of([program] + words[1 : depth + 1], root) is None:
            break
        depth += 1
    text = help_of([program] + words[1:depth], root)
    if text is None or (depth == 1 and len(words) > 1 and not words[1].startswith("-")):
        return f"gradus {' '.join(words[1:2])} --help fails"
    for word in words[depth:]:
        option = word.split("=")[0]
        if option.startswith("--") and option != "--help" and option not in text:
            return f"{option} is not in the help of gradus {' '.join(words[1:depth])}"
        if word.endswith(".toml") and not os.path.isfile(os.path.join(root, word)):
            return f"{word} does not exist"
    return ""


def check_script(words, root):
    path = os.path.join(root, words[0])
    if not os.access(path, os.X_OK):
        return f"{words[0]} is no executable file"
    if help_of([os.path.abspath(path)], root) is None:
        return f"{words[0]} --help fails"
    return ""


def check_preset(words, root):
    presets = json.loads(tree.read(root, "CMakePresets.json"))["configurePresets"]
    names = {preset["name"] for preset in presets}
    used = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--preset"]
    wrong = [name for name in used if name not in names]
    return f"no preset {wrong[0]}" if wrong else ""


def check(command, root, program):
    """What is wrong with a line, or an empty string."""
    for part in re.split(r"&&|\|\||[|;]", command):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if not words:
            continue
        if os.path.basename(words[0]) == "gradus":
            wrong = check_program(words, root, program)
        elif words[0].startswith(("scripts/", "./scripts/", ".ci/", "benchmarks/", "tests/")):
            wrong = check_script(words, root)
        elif words[0] in ("cmake", "ctest"):
            wrong = check_preset(words, root)
        elif words[0] in UNCHECKED:
            print(f"docs: not checked: {part.strip()}")
            continue
        else:
            wrong = f"no way to check '{words[0]}'"
        if wrong:
            return wrong
    return ""


def shortened(command, marks):
    """A training with the settings of its block's marks, as in ```sh run steps=20, behind it."""
    settings = [mark for mark in marks if "=" in mark]
    return " ".join([command, *settings]) if "gradus train " in command else command


def unrun(page, marks, command):
    """A command of README.md that no test runs."""
    if page != "README.md" or "run" in marks or command in RUN_ELSEWHERE:
        return ""
    return "no test runs it; mark its block ```sh run"


def execute(command, program, folder):
    """Runs a line as it stands, in a folder of links to the tree, so that the tree stays clean."""
    environment = dict(os.environ, PATH=os.path.dirname(program) + ":" + os.environ["PATH"])
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return f"exit code {run.returncode}: {run.stdout[-500:]}" if run.returncode else ""


def link_tree(root, program, folder):
    """A view of the tree whose build/release holds the program under test; runs are its own."""
    for name in os.listdir(root):
        if name not in ("build", "runs"):
            os.symlink(os.path.join(root, name), os.path.join(folder, name))
    os.makedirs(os.path.join(folder, "build"))
    os.symlink(os.path.dirname(program), os.path.join(folder, "build", "release"))


def pages(root):
    """The README, which must exist, and every other page that readers take commands from."""
    return ["README.md", "CONTRIBUTING.md"] + tree.files(root, ("docs",), (".md",))


def main():
    parser = tree.parser(__doc__)
    parser.add_argument("--program", required=True, help="the program `gradus`")
    arguments = parser.parse_args()
    root, program = os.path.abspath(arguments.root), os.path.abspath(arguments.program)
    problems, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        link_tree(root, program, folder)
        for page in pages(root):
            if not os.path.exists(os.path.join(root, page)):
                problems.append(f"{page} does not exist")
                continue
            for line, marks, command in commands(tree.read(root, page)):
                count += 1
                wrong = check(command, root, program) or unrun(page, marks, command)
                if not wrong and "run" in marks:
                    wrong = execute(shortened(command, marks), program, folder)
                if wrong:
                    problems.append(f"{page}:{line}: {command}: {wrong}")
    if not count:
        problems.append("no command in a ```sh block")
    tree.finish("docs", problems, f"{count} commands")


if __name__ == "__main__":
    main()
