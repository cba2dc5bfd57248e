# SPDX-License-Identifier: Apache-2.0
"""The shell scripts: they parse, answer --help, refuse what they do not know, and change nothing
when there is nothing to do."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = [
    "scripts/" + name for name in sorted(os.listdir(ROOT + "/scripts")) if name.endswith(".sh")
]


def run(*command, **environment):
    return subprocess.run(
        command,
        cwd=ROOT,
        env=dict(os.environ, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def snapshot(folder):
    """Path, size, time and link of every file below a folder."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            status = os.lstat(file)
            found[file] = (status.st_size, status.st_mtime_ns, os.path.realpath(file))
    return found


class Scripts(unittest.TestCase):
    def test_every_script_parses(self):
        for script in SCRIPTS + ["scripts/lib/stages.sh", ".ci/run"]:
            self.assertEqual(run("bash", "-n", script).stderr, "", script)

    def test_shellcheck_where_present(self):
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        result = run("shellcheck", "-x", *SCRIPTS, ".ci/run")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_every_script_is_executable_and_answers_help(self):
        for script in SCRIPTS:
            result = run(script, "--help")
            self.assertEqual(result.returncode, 0, script)
            self.assertTrue(result.stdout.startswith("usage: " + script), script)

    def test_unknown_options_are_refused(self):
        for script in ("scripts/setup.sh", "scripts/quickstart.sh", "scripts/check.sh"):
            result = run(script, "--nonsense")
            self.assertEqual(result.returncode, 2, script)
            self.assertIn("usage:", result.stderr)


class Setup(unittest.TestCase):
    def test_lists_its_packages(self):
        packages = run("scripts/setup.sh", "--list").stdout.split()
        self.assertIn("g++", packages)
        self.assertEqual(len(packages), len(set(packages)))

    def test_installed_packages_need_no_apt(self):
        # An apt-get that fails stands first in PATH; dpkg is on every Debian.
        if not shutil.which("dpkg-query"):
            self.skipTest("not a Debian system")
        with tempfile.TemporaryDirectory() as folder:
            fake = os.path.join(folder, "apt-get")
            with open(fake, "w", encoding="utf-8") as stream:
                stream.write("#!/bin/sh\necho apt-get was called >&2\nexit 9\n")
            os.chmod(fake, 0o755)
            path = folder + ":" + os.environ["PATH"]
            self.assertEqual(run("scripts/setup.sh", "dpkg", PATH=path).returncode, 0)
            if os.geteuid() == 0:  # else sudo would find the real apt-get
                missing = run("scripts/setup.sh", "no-such-package-here", PATH=path)
                self.assertEqual(missing.returncode, 9)
                self.assertIn("installing no-such-package-here", missing.stdout)


class Data(unittest.TestCase):
    def test_list_names_what_can_be_made(self):
        lines = run("scripts/data.sh", "--list").stdout.splitlines()
        self.assertEqual(
            [line.split()[0] for line in lines],
            ["fashion_mnist", "kjv", "iris", "wine", "breast_cancer", "digits", "diabetes", "co2",
             "karate"],
        )

    def test_unknown_name_is_refused_before_anything_is_made(self):
        with tempfile.TemporaryDirectory() as cache:
            result = run("scripts/data.sh", "fashion_mnist", "nonsense", GRADUS_DATA_CACHE=cache)
            self.assertEqual(result.returncode, 2)
            self.assertIn("unknown name 'nonsense'", result.stderr)
            self.assertEqual(os.listdir(cache), [])

    def test_fashion_mnist_twice_is_once(self):
        if not os.path.exists("/usr/share/datasets/fashion-mnist"):
            self.skipTest("dataset-fashion-mnist is not installed")
        with tempfile.TemporaryDirectory() as cache:
            self.assertEqual(
                run("scripts/data.sh", "fashion_mnist", GRADUS_DATA_CACHE=cache).returncode, 0
            )
            before = snapshot(cache)
            self.assertEqual(len(before), 4)
            self.assertEqual(
                run("scripts/data.sh", "fashion_mnist", GRADUS_DATA_CACHE=cache).returncode, 0
            )
            self.assertEqual(snapshot(cache), before)

    def test_kjv_is_split_the_same_each_time(self):
        if not shutil.which("bible"):
            self.skipTest("bible-kjv is not installed")
        texts = []
        for columns in ("40", "200"):
            with tempfile.TemporaryDirectory() as cache:
                result = run("scripts/data.sh", "kjv", GRADUS_DATA_CACHE=cache, COLUMNS=columns)
                self.assertEqual(result.returncode, 0, result.stderr)
                before = snapshot(cache)
                run("scripts/data.sh", "kjv", GRADUS_DATA_CACHE=cache)
                self.assertEqual(snapshot(cache), before)
                texts.append([read(f"{cache}/kjv/{part}.txt") for part in ("train", "val")])
        self.assertEqual(texts[0], texts[1])
        train, val = (text.splitlines() for text in texts[0])
        self.assertEqual((len(train), len(val)), (29476, 1626))
        self.assertTrue(train[0].startswith(b"In the beginning God created"))


class Stages(unittest.TestCase):
    """The summary of several test runs, which CI ends with."""

    def summary(self, body):
        with tempfile.TemporaryDirectory() as folder:
            start = f"set -euo pipefail\n. {ROOT}/scripts/lib/stages.sh\nstage_logs={folder}"
            script = f"{start}\n{body}\nstages_summary"
            result = run("bash", "-c", script)
        return result.returncode, result.stdout.splitlines()[-1]

    PASS = "pass() { echo '100% tests passed, 0 tests failed out of 7'; }\n"

    def test_adds_up(self):
        self.assertEqual(
            self.summary(self.PASS + "stage a pass; stage b pass"),
            (0, "100% tests passed, 0 tests failed out of 14"),
        )

    def test_a_failed_test_fails_the_whole(self):
        fail = "fail() { echo '50% tests passed, 1 tests failed out of 2'; return 8; }\n"
        self.assertEqual(
            self.summary(self.PASS + fail + "stage a fail; stage b pass"),
            (1, "88% tests passed, 1 tests failed out of 9"),
        )

    def test_a_stage_without_tests_fails(self):
        self.assertEqual(
            self.summary(self.PASS + "stage a pass; stage b true"),
            (1, "87% tests passed, 1 tests failed out of 8"),
        )

    def test_a_build_that_fails_ends_its_stage(self):
        broken = "broken() { false; pass; }\n"
        self.assertEqual(
            self.summary(self.PASS + broken + "stage a broken"),
            (1, "0% tests passed, 1 tests failed out of 1"),
        )


if __name__ == "__main__":
    unittest.main(verbosity=2)
