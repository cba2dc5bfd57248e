#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Misspelt recipes and command lines: each must be refused, at its place and with the right name.

    tests/suites/typos.py --program build/release/gradus [--count 100] [--seed 1]

Draws COUNT typos of recipe keys (a letter too many, too few, another one, two exchanged) and asks
`gradus config check`-like parsing for each: exit code 2, a message that begins with
FILE:LINE:COLUMN:, and in at least 90 % the key that was meant. The same for values of keys that
have choices, for options and for commands. A typo that gives another valid name is drawn again."""

import argparse
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile

LEAST_RIGHT = 0.9


def call(program, *words):
    """Exit code and stderr of the program."""
    run = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stderr.strip()


def misspelt(rng, word, known):
    """`word` with one slip of the fingers, which is none of `known`."""
    while True:
        at = rng.randrange(len(word))
        letter = rng.choice(string.ascii_lowercase)
        slip = rng.randrange(4)
        if slip == 0:
            typo = word[:at] + letter + word[at:]
        elif slip == 1:
            typo = word[:at] + word[at + 1 :]
        elif slip == 2:
            typo = word[:at] + letter + word[at + 1 :]
        else:
            typo = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
        if typo and typo not in known and re.fullmatch(r"[a-z_0-9]+", typo):
            return typo


def keys_of(schema, prefix=""):
    """(dotted name, definition) of every key of the JSON schema, tables entered."""
    for name, definition in schema.get("properties", {}).items():
        if definition.get("type") == "object" or "properties" in definition:
            yield from keys_of(definition, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", definition


def choices_of(definition):
    return definition.get("enum", [])


class Suite:
    def __init__(self, program, folder, rng):
        self.program, self.rng = program, rng
        self.recipe = os.path.join(folder, "recipe.toml")
        self.problems = []
        schema = subprocess.run([program, "config", "schema"], capture_output=True, text=True, check=True)
        self.keys = dict(keys_of(json.loads(schema.stdout)))

    def refused(self, text, line, column):
        """The message for a recipe, which must begin with its place."""
        with open(self.recipe, "w", encoding="utf-8") as file:
            file.write(text)
        code, message = call(self.program, "train", self.recipe, "run=" + self.recipe + ".run")
        if code != 2 or not message.startswith(f"{self.recipe}:{line}:{column}: "):
            self.problems.append(f"{text!r}: exit code {code}, {message!r}")
        return message

    def key_typo(self):
        """Whether the key that was meant is suggested."""
        name = self.rng.choice(sorted(self.keys))
        table, _, leaf = name.rpartition(".")
        leaves = {key.rpartition(".")[2] for key in self.keys if key.rpartition(".")[0] == table}
        typo = misspelt(self.rng, leaf, leaves)
        blank = "\n" * self.rng.randrange(3)
        text = f"# a comment\n{blank}[{table}]\n{typo} = 1\n" if table else f"# a comment\n{blank}{typo} = 1\n"
        line = 2 + len(blank) + (1 if table else 0)
        message = self.refused(text, line, 1)
        return f"did you mean '{name}'?" in message, f"{table}.{typo} for {name}: {message}"

    def value_typo(self):
        name = self.rng.choice(sorted(key for key, d in self.keys.items() if choices_of(d)))
        meant = self.rng.choice(choices_of(self.keys[name]))
        typo = misspelt(self.rng, meant, choices_of(self.keys[name]))
        table, _, leaf = name.rpartition(".")
        text = (f"[{table}]\n" if table else "") + f'{leaf} = "{typo}"\n'
        message = self.refused(text, 2 if table else 1, len(leaf) + 4)
        return f"did you mean '{meant}'?" in message, f"{name} = {typo} for {meant}: {message}"

    def command_typo(self, commands):
        meant = self.rng.choice(commands)
        typo = misspelt(self.rng, meant, commands)
        code, message = call(self.program, typo)
        if code != 2:
            self.problems.append(f"gradus {typo}: exit code {code}")
        return f"did you mean '{meant}'?" in message, f"{typo} for {meant}: {message}"

    def option_typo(self, options):
        command, meant = self.rng.choice(options)
        known = {name[2:] for c, name in options if c == command} | {"help"}
        typo = "--" + misspelt(self.rng, meant[2:].replace("-", "_"), known)
        code, message = call(self.program, *command.split(), typo.replace("_", "-"))
        if code != 2:
            self.problems.append(f"gradus {command} {typo}: exit code {code}")
        return f"did you mean '{meant}'?" in message, f"{command} {typo} for {meant}: {message}"


def commands_of(program):
    """Names of the commands, and (command, option) of all, as --help lists them."""
    def listed(words, pattern):
        text = subprocess.run([program, *words, "--help"], capture_output=True, text=True).stdout
        return re.findall(pattern, text, re.MULTILINE)

    commands = listed([], r"^  ([a-z]+)  ")
    options = []
    for command in commands:
        below = listed([command], r"^  ([a-z]+)  ") if command in ("op", "runs", "data", "bench") else []
        for name in [f"{command} {sub}" for sub in below] or [command]:
            options += [(name, option) for option in listed(name.split(), r"^  (?:-\w,)?(--[a-z-]+)")]
    return commands, [(c, o) for c, o in options if o != "--help"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--shim", help="not needed here")
    parser.add_argument("--count", type=int, default=100, help="typos of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="name the suggestions that are missed")
    arguments = parser.parse_args()
    program, failed = os.path.abspath(arguments.program), False
    commands, options = commands_of(program)
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(program, folder, random.Random(arguments.seed))
        kinds = {
            "keys": suite.key_typo,
            "values": suite.value_typo,
            "commands": lambda: suite.command_typo(commands),
            "options": lambda: suite.option_typo(options),
        }
        for kind, draw in kinds.items():
            found = [draw() for _ in range(arguments.count)]
            right = sum(good for good, _ in found)
            print(f"typos: {kind}: {len(found)} refused, {right} with the right name")
            missed = [text for good, text in found if not good]
            enough = right >= LEAST_RIGHT * len(found)
            if arguments.verbose or not enough:
                print("\n".join("  missed " + text for text in missed))
            failed = failed or not enough
    for problem in suite.problems:
        print("typos: " + problem)
    sys.exit(1 if failed or suite.problems else 0)


if __name__ == "__main__":
    main()
