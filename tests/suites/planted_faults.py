#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the tests: plants known faults one at a time and says which test sees each.

    tests/suites/planted_faults.py                all of tests/suites/planted_faults/*.toml
    tests/suites/planted_faults.py ID...          some of them
    tests/suites/planted_faults.py --check        only whether each still applies (its text is there once)

A fault replaces `old` by `new` in a copy of `file`, which a compiler that is told of it first sees
in place of the file itself. build/release, which this script brings up to date, does the rest: only
what includes the file is compiled again, at -O1, and the tests are linked with it in front of the
library, whose own object the linker then leaves out. A header of the precompiled ones
(cmake/precompiled.cmake) cannot be planted in. The tests of `seen_by` run in order until one fails: `every_op a b` is every check of tests/ops/every_op_test.cpp on the ops a
and b, any other NAME is the executable NAME_test. `special` names tests that are no generic ones;
a fault that only they see counts as survived. Results go to build/planted/results.json.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).resolve().parent / "planted_faults"
WORK = ROOT / "build" / "planted"
BUILD = ROOT / "build" / "release"
COPIES = WORK / "copies"  # of the file with the fault, where its path says
RESULTS = WORK / "results.json"
MEMORY = 12 << 30  # of one test; a fault may ask for any amount
SECONDS = 600  # of one test; a fault may never end


def read_faults():
    faults = []
    for path in sorted(LIST.glob("*.toml")):
        for fault in tomllib.loads(path.read_text())["fault"]:
            missing = {"id", "what", "file", "old", "new", "seen_by"} - fault.keys()
            if missing:
                sys.exit(f"{path}: a fault without {', '.join(sorted(missing))}: {fault.get('id')}")
            fault["area"] = path.stem
            faults.append(fault)
    names = [fault["id"] for fault in faults]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        sys.exit(f"ids that stand twice: {', '.join(sorted(twice))}")
    return faults


def planted(fault):
    """The file's text with the fault in it."""
    text = (ROOT / fault["file"]).read_text()
    count = text.count(fault["old"])
    if count != 1:
        raise ValueError(f"{fault['id']}: its text stands {count} times in {fault['file']}")
    return text.replace(fault["old"], fault["new"])


def check_all(faults):
    problems = []
    for fault in faults:
        try:
            planted(fault)
        except (OSError, ValueError) as error:
            problems.append(str(error))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(faults)} faults, each applies")


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def configure():
    command = ["cmake", "--preset", "release"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def build(targets, jobs):
    command = ["ninja", "-C", str(BUILD), f"-j{jobs}", *targets]
    built = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(f"the tree does not build:\n{(built.stdout + built.stderr)[-3000:]}")


def in_build(command):
    """Runs a shell command in the build folder and returns what it wrote; exits where it fails."""
    done = subprocess.run(command, cwd=BUILD, env=environment(), shell=True, capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise RuntimeError((done.stdout + done.stderr)[-3000:])
    return done.stdout


def compile_commands():
    """source -> command for the library's files."""
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if "gradus_library.dir" in entry["command"]:
            commands[entry["file"]] = entry["command"]
    return commands


def users_of(header):
    """Library sources that include the header, by what the compiler wrote down."""
    users, source = [], ""
    for line in in_build("ninja -t deps").splitlines():
        if not line.startswith(" "):
            source = line.split(":")[0] if "gradus_library.dir" in line else ""
        elif source and os.path.normpath(BUILD / line.strip()) == str(ROOT / header):
            path = source.split("gradus_library.dir/")[1].removesuffix(".o")
            users.append(str(ROOT / path))
    return users


def compile_with(fault, commands):
    """Objects of the library that hold the fault."""
    path = ROOT / fault["file"]
    sources = [str(path)] if path.suffix == ".cpp" else users_of(fault["file"])
    if not sources:
        raise RuntimeError(f"nothing includes {fault['file']}")
    objects = []
    for number, source in enumerate(sources):
        made = WORK / "objects" / f"{fault['id']}.{number}.o"
        made.parent.mkdir(exist_ok=True)
        command, count = re.subn(r" -o \S+", f" -O1 -w -o {made}", commands[source])
        assert count == 1, commands[source]
        command = command.replace(" -I", f" -I{COPIES} -I", 1)
        if source == str(path):
            command = command.replace(f" {source}", f" {COPIES / fault['file']}")
        in_build(command)
        objects.append(str(made))
    return objects


def link_with(objects, name):
    """The test `name` with these objects in place of the library's."""
    made = WORK / "bin" / name
    made.parent.mkdir(exist_ok=True)
    command = in_build(f"ninja -t commands -s {name}").strip()
    in_build(command.replace(f"-o {name} ", f"{' '.join(objects)} -o {made} ", 1))
    return made


def test_of(entry):
    """Executable and arguments of an entry of seen_by."""
    name, *ops = entry.split()
    if name != "every_op":
        return f"{name}_test", []
    return "ops_every_op_test", ["--gtest_filter=" + ":".join(f"*.holds/{op}" for op in ops)]


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_test(entry, folder=BUILD):
    """What failed, or an empty text."""
    name, arguments = test_of(entry)
    command = [str(folder / name), "--gtest_fail_fast", "--gtest_brief=1", *arguments]
    try:
        done = subprocess.run(command, cwd=BUILD, env=environment(), capture_output=True, text=True,
                              errors="replace", timeout=SECONDS, preexec_fn=limit_memory)
    except subprocess.TimeoutExpired:
        return f"{name} did not end"
    if " 0 tests from" in done.stdout:
        sys.exit(f"'{entry}' runs no test")
    if done.returncode == 0:
        return ""
    failed = re.search(r"\[  FAILED  \] ([^\s,]+)", done.stdout)
    return f"{name} {failed[1]}" if failed else f"{name} ended with {done.returncode}"


def first_failure(entries, objects):
    for entry in entries:
        link_with(objects, test_of(entry)[0])
        seen = run_test(entry, WORK / "bin")
        if seen:
            return seen
    return ""


def try_fault(fault, commands):
    started = time.monotonic()
    shutil.rmtree(COPIES, ignore_errors=True)
    copy = COPIES / fault["file"]
    copy.parent.mkdir(parents=True)
    copy.write_text(planted(fault))
    try:
        objects = compile_with(fault, commands)
    except RuntimeError as error:
        sys.exit(f"{fault['id']} does not compile:\n{error}")
    by = first_failure(fault["seen_by"], objects)
    also = "" if by else first_failure(fault.get("special", []), objects)
    return {"id": fault["id"], "area": fault["area"], "file": fault["file"], "what": fault["what"],
            "caught": bool(by), "by": by, "special": also,
            "seconds": round(time.monotonic() - started, 1)}


def known_results():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def entries_of(faults):
    return sorted({entry for f in faults for entry in [*f["seen_by"], *f.get("special", [])]})


def check_baseline(faults):
    """Without a fault every test in use passes; otherwise nothing below means anything."""
    failing = [seen for seen in map(run_test, entries_of(faults)) if seen]
    if failing:
        sys.exit("fails without a fault: " + ", ".join(failing))


def in_turns(faults):
    """One of each area after the other, so that a run cut short has seen all areas."""
    seen, place = {}, {}
    for fault in faults:
        seen[fault["area"]] = place[fault["id"]] = seen.get(fault["area"], 0) + 1
    return sorted(faults, key=lambda fault: place[fault["id"]])


def report(faults, results):
    areas = sorted({fault["area"] for fault in faults})
    print(f"\n{'area':<10} {'faults':>6} {'caught':>6}")
    for area in [*areas, "all"]:
        here = [results[f["id"]] for f in faults if area in (f["area"], "all") and f["id"] in results]
        print(f"{area:<10} {len(here):>6} {sum(r['caught'] for r in here):>6}")
    for fault in faults:
        result = results.get(fault["id"])
        if result is None:
            print(f"not run: {fault['id']}")
        elif not result["caught"]:
            note = f" (seen by {result['special']} only)" if result["special"] else ""
            print(f"survived: {fault['id']}: {fault['what']}{note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--check", action="store_true", help="only whether each fault applies")
    parser.add_argument("--rest", action="store_true", help="leave out what is known to be caught")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-baseline", action="store_true", help="trust that the tests pass")
    options = parser.parse_args()
    faults = read_faults()
    check_all(faults)
    if options.check:
        return 0
    unknown = set(options.ids) - {fault["id"] for fault in faults}
    if unknown:
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = in_turns([fault for fault in faults if not options.ids or fault["id"] in options.ids])
    results = known_results()
    if options.rest:
        chosen = [f for f in chosen if not results.get(f["id"], {}).get("caught")]
    configure()
    build(sorted({test_of(entry)[0] for entry in entries_of(chosen)}), options.jobs)
    if not options.no_baseline:
        check_baseline(chosen)
    commands = compile_commands()
    for number, fault in enumerate(chosen, 1):
        result = try_fault(fault, commands)
        results[fault["id"]] = result
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        state = f"caught by {result['by']}" if result["caught"] else "SURVIVED"
        print(f"{number}/{len(chosen)} {fault['id']}: {state} ({result['seconds']} s)", flush=True)
    report(faults, results)
    return 0 if all(results[fault["id"]]["caught"] for fault in chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
