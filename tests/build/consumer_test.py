# SPDX-License-Identifier: Apache-2.0
"""Installs the build into a folder of its own, builds examples/consumer against it with nothing but
find_package(gradus), and runs that."""

import argparse
import os
import shutil
import subprocess
import sys


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\nexit code {done.returncode}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--compiler", required=True)
    arguments = parser.parse_args()
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    work = os.path.join(arguments.build, "consumer_test")
    shutil.rmtree(work, ignore_errors=True)
    prefix, build = os.path.join(work, "prefix"), os.path.join(work, "build")

    run("cmake", "--install", arguments.build, "--prefix", prefix)
    run(
        *("cmake", "-G", "Ninja", "-S", os.path.join(source, "examples", "consumer"), "-B", build),
        *(f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={arguments.compiler}"),
        "-DCMAKE_BUILD_TYPE=Release",
    )
    run("cmake", "--build", build)
    output = run(os.path.join(build, "consumer"))
    print(output)
    with open(
        os.path.join(source, "examples", "consumer", "expected.txt"), encoding="utf-8"
    ) as stream:
        expected = stream.read()
    if output != expected:
        sys.exit(f"the consumer printed the above; expected\n{expected}")


if __name__ == "__main__":
    main()
