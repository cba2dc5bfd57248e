# SPDX-License-Identifier: Apache-2.0
"""scripts/quickstart.sh as a user meets it the second time: nothing is missing and the network is
gone. It ends with a run of at least 90 % test accuracy in a folder whose name it printed."""

import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NETWORK = ("apt-get", "apt", "sudo", "curl", "wget", "git", "pip", "pip3")


def without_network(folder):
    """A PATH on which every program that could reach the network fails and says so."""
    for name in NETWORK:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"#!/bin/sh\necho {name} was called >&2\nexit 9\n")
        os.chmod(path, 0o755)
    return folder + ":" + os.environ["PATH"]


class Quickstart(unittest.TestCase):
    def test_trains_to_ninety_percent_without_a_network(self):
        with tempfile.TemporaryDirectory() as folder:
            run = os.path.join(folder, "run")
            result = subprocess.run(
                ["scripts/quickstart.sh", "run=" + run],
                cwd=ROOT,
                env=dict(os.environ, PATH=without_network(folder)),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.assertEqual(result.returncode, 0, result.stdout[-3000:])
            self.assertNotIn("was called", result.stdout)
            self.assertIn(f"The run is in {run}", result.stdout)
            self.assertIn("Next:", result.stdout)
            scored = subprocess.run(
                [ROOT + "/build/release/gradus", "eval", run, "--json"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            self.assertGreaterEqual(json.loads(scored.stdout)["accuracy"], 0.9)
            with open(run + "/metrics.jsonl", encoding="utf-8") as stream:
                lines = [json.loads(line) for line in stream]
            steps = [line["step"] for line in lines if "loss" in line]
            self.assertEqual(steps, list(range(1, len(steps) + 1)))
            self.assertEqual(sum("split" in line for line in lines), 4)  # one an epoch


if __name__ == "__main__":
    unittest.main(verbosity=2)
