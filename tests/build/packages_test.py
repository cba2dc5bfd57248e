# SPDX-License-Identifier: Apache-2.0
"""Makes the .tgz and, where dpkg's tools are, the .deb, and looks into both: program, library,
headers, licence and the config files of find_package are there; the program of the archive runs; the
.deb depends on the libraries that it needs and on no compiler."""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile

EXPECTED = [
    r"lib/libgradus\.a$",
    r"lib/cmake/gradus/gradusConfig\.cmake$",
    r"lib/cmake/gradus/gradusTargets\.cmake$",
    r"include/gradus/engine/base/shape\.h$",
    r"include/gradus/engine/base/version\.h$",
    r"share/doc/gradus/copyright$",
]
OF_PROGRAM = [
    r"bin/gradus$",
    r"share/gradus/recipes/.*\.toml$",
    r"share/man/man1/gradus-train\.1$",
    r"share/bash-completion/completions/gradus$",
]


def run(*command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\nexit code {done.returncode}")
    return done.stdout


def check_names(package, names, expected):
    for pattern in expected:
        if not any(re.search(pattern, name) for name in names):
            sys.exit(f"{package} holds nothing like {pattern}")
    for name in names:
        if re.search(r"\.(cpp|cu|o)$|/tests/", name):
            sys.exit(f"{package} holds {name}, which is no part of an installation")


def make(build, generator, ending):
    """The one package that cpack makes with this generator."""
    folder = os.path.join(build, "packages")
    for old in glob.glob(os.path.join(folder, "*" + ending)):
        os.remove(old)
    run("cpack", "-G", generator, cwd=build)
    made = glob.glob(os.path.join(folder, "*" + ending))
    if len(made) != 1:
        sys.exit(f"expected one {ending}, got {made}")
    return made[0]


def check_archive(build, expected, has_program):
    package = make(build, "TGZ", ".tar.gz")
    unpacked = os.path.join(build, "packages", "unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(package) as archive:
        check_names(package, archive.getnames(), expected)
        archive.extractall(unpacked)
    if has_program:
        program = glob.glob(os.path.join(unpacked, "*", "bin", "gradus"))[0]
        print(run(program, "--version"))


def uses_onednn(build):
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        return re.search(r"^GRADUS_ONEDNN:BOOL=(ON|TRUE|1)$", cache.read(), re.MULTILINE) is not None


def check_deb(build, expected, has_program):
    package = make(build, "DEB", ".deb")
    check_names(package, run("dpkg-deb", "-c", package).splitlines(), expected)
    depends = run("dpkg-deb", "-f", package, "Depends")
    print("Depends:", depends)
    if has_program and not re.search(r"\blibc6\b", depends):
        sys.exit("the program's libraries are not among Depends")
    if has_program and uses_onednn(build) != bool(re.search(r"\blibdnnl", depends)):
        sys.exit("oneDNN is among Depends exactly where the build has it")
    if re.search(r"-dev\b|g\+\+|cmake", depends):
        sys.exit("Depends names what only a compiler needs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    has_program = os.path.exists(os.path.join(build, "gradus"))
    expected = EXPECTED + (OF_PROGRAM if has_program else [])
    check_archive(build, expected, has_program)
    if shutil.which("dpkg-shlibdeps") and shutil.which("dpkg-deb"):
        check_deb(build, expected, has_program)
    else:
        print(
            "no .deb made: dpkg-shlibdeps or dpkg-deb is missing (scripts/setup.sh installs them)"
        )


if __name__ == "__main__":
    main()
