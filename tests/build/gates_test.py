# SPDX-License-Identifier: Apache-2.0
"""The gates are tested by planting the fault that each is there to find into a small tree."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GATES = os.path.join(ROOT, "scripts", "gates")
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
sys.path.insert(0, GATES)

import check_ledger  # noqa: E402
import check_ops  # noqa: E402
import check_page_code  # noqa: E402
import check_docs  # noqa: E402
import check_size  # noqa: E402


class Planted(unittest.TestCase):
    """A tree that every gate likes; a test adds one file and names what the gate must say."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.write("CMakeLists.txt", "# SPDX-License-Identifier: Apache-2.0\n")
        self.write("engine/base/shape.h", SPDX + "#pragma once\n\nint rank();\n")
        self.write(
            "engine/tensor/tensor.h", SPDX + '#pragma once\n\n#include "engine/base/shape.h"\n'
        )
        self.write(
            "ops/relu.cpp", SPDX + '#include "engine/tensor/tensor.h"\n\nint relu() { return 1; }\n'
        )
        self.write("scripts/gates/line_budget.tsv", "folder\tlines\nengine\t100\n")
        shutil.copy(os.path.join(ROOT, ".clang-format"), self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(text)

    def gate(self, name):
        command = [sys.executable, os.path.join(GATES, f"check_{name}.py"), "--root", self.root]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout

    def assert_refused(self, gate, path, text, message):
        self.assertEqual(self.gate(gate)[0], 0, "the tree without the fault")
        self.write(path, text)
        code, output = self.gate(gate)
        self.assertEqual(code, 1, output)
        self.assertIn(message, output)


class Format(Planted):
    def test_spacing(self):
        self.assert_refused("format", "ops/elu.cpp", SPDX + "\nint  elu( );\n", "ops/elu.cpp:3")


class Includes(Planted):
    def test_against_the_direction(self):
        text = SPDX + '#include "ops/relu.h"\n'
        self.write("ops/relu.h", SPDX)
        self.assert_refused(
            "includes", "engine/op/x.cpp", text, 'engine/op/ may not include "ops/relu.h"'
        )

    def test_within_engine(self):
        text = SPDX + '#include "engine/tensor/tensor.h"\n'
        self.assert_refused(
            "includes", "engine/device/x.cpp", text, "engine/device/ may not include"
        )

    def test_kernels_do_not_see_the_engine(self):
        text = SPDX + '#include "engine/tensor/tensor.h"\n'
        self.assert_refused("includes", "kernels/cpu/x.cpp", text, "kernels/cpu/ may not include")

    def test_contracts_do_not_see_kernels(self):
        self.write("kernels/cpu/a.h", SPDX)
        self.assert_refused(
            "includes", "kernels/x.h", SPDX + '#include "kernels/cpu/a.h"\n', "may not include"
        )

    def test_cycle_of_folders(self):
        self.write("models/layers/a.h", SPDX + '#include "models/b.h"\n')
        self.write("models/b.h", SPDX)
        text = SPDX + '#include "models/layers/a.h"\n'
        self.assert_refused("includes", "models/c.h", text, "models -> models/layers")

    def test_missing_or_relative(self):
        self.assert_refused("includes", "ops/x.cpp", SPDX + '#include "relu.h"\n', "is no file")

    def test_unknown_folder(self):
        text = SPDX + '#include "engine/base/shape.h"\n'
        self.assert_refused(
            "includes", "engine/extras/x.cpp", text, "engine/extras/ may not include"
        )

    def test_heavy_header(self):
        text = SPDX + "#include <nlohmann/json.hpp>\n"
        self.assert_refused("includes", "training/x.h", text, "in .cpp files only")


class Size(Planted):
    def test_long_function(self):
        body = "int f() {\n" + "  g();\n" * 79 + "}\n"
        self.assert_refused(
            "size", "ops/long.cpp", SPDX + body, "ops/long.cpp:2: f has 81 lines, at most 80"
        )

    def test_long_file(self):
        self.assert_refused(
            "size", "ops/long.cpp", SPDX + "int a;\n" * 800, "801 lines, at most 800"
        )

    def test_folder_budget(self):
        self.assert_refused("size", "engine/base/x.cpp", SPDX + "int a;\n" * 99, "allows 100")

    def test_finds_functions(self):
        text = """
template <class T, class = std::enable_if_t<(sizeof(T) > 2)>>
void plain(T x) {
  if (x) call([&](int i) { return i; });
}
struct alignas(16) Type : Base<int> {
  Type(int y) : a_{y}, b_(3), c_{} {
  }
  bool operator<(const Type& o) const {
    return "{" < o;
  }
  int a_ = 0;
};
#if X
int with_default(int a = 1, std::vector<int> b = {}) noexcept {
#else
int with_default() {
#endif
  return '{' + 1'000;
}
auto trailing() -> int
{
  return f(R"({{{)");
}
"""
        found = [(name, lines) for name, _, lines in check_size.functions(text)]
        expected = [
            ("plain", 4),
            ("Type", 2),
            ("operator<", 3),
            ("with_default", 6),
            ("trailing", 4),
        ]
        self.assertEqual(found, expected)


class Habits(Planted):
    def assert_habit(self, line, message, path="ops/x.cpp"):
        self.assert_refused("habits", path, SPDX + line + "\n", message)

    def test_threads(self):
        self.assert_habit("std::thread worker;", "thread outside of its home")

    def test_openmp(self):
        self.assert_habit("#pragma omp parallel for", "OpenMP region outside of its home")

    def test_random_numbers(self):
        self.assert_habit("std::mt19937 generator;", "philox.h")

    def test_launch(self):
        self.assert_habit("kernel<<<1, 2>>>(x);", "kernel launch", "kernels/cuda/x.cu")

    def test_output(self):
        self.assert_habit('void f() { printf("x"); }', "output of the library")

    def test_exit(self):
        self.assert_habit("void f() { std::exit(1); }", "end of the process")

    def test_exceptions(self):
        self.assert_habit('void f() { throw std::runtime_error("x"); }', "foreign exception")

    def test_unfinished(self):
        self.assert_habit("// TO" + "DO: more", "unfinished work")

    def test_licence(self):
        self.assert_refused("habits", "ops/x.cpp", "int a;\n", "SPDX")

    def test_name(self):
        self.assert_refused("habits", "ops/fast_relu.cpp", SPDX, "what a thing does")

    def test_native_flag(self):
        flags = "# SPDX-License-Identifier: Apache-2.0\nset(f -march=native)\n"
        self.assert_refused("habits", "cmake/x.cmake", flags, "portable")

    def test_words_in_comments_and_strings_are_free(self):
        self.write("ops/x.cpp", SPDX + '// no printf( here\nconst char* s = "std::thread";\n')
        self.assertEqual(self.gate("habits")[0], 0)


class OpList(Planted):
    """CMake's own check of ops/op_list.inc, which stops the configuration."""

    def configure(self, rows):
        self.write("ops/op_list.inc", SPDX + rows)
        self.write(
            "run.cmake",
            "cmake_minimum_required(VERSION 3.25)\n"
            f"include({ROOT}/cmake/op_list.cmake)\ngradus_check_op_list({self.root})\n",
        )
        command = ["cmake", "-P", os.path.join(self.root, "run.cmake")]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout

    def test_rows_with_files(self):
        self.assertEqual(self.configure("GRADUS_OP(relu)\n")[0], 0)

    def test_faults(self):
        for rows, message in (
            ("GRADUS_OP(relu)\nGRADUS_OP(none)\n", "ops/none.cpp"),
            ("GRADUS_OP(relu)\nGRADUS_OP(relu)\n", "twice"),
            ("", "found none"),
        ):
            code, output = self.configure(rows)
            self.assertEqual(code, 1)
            self.assertIn(message, output)


class Ledger(unittest.TestCase):
    TESTS = ["a_test.Suite.Case", "b_test.All/Op.Gradient/relu"]

    def row(self, text):
        return check_ledger.check_row(text, ROOT, self.TESTS)

    def test_rows_that_hold(self):
        for row in (
            "S001\topen\t",
            "S001\tdone\ta_test.Suite.Case",
            "S001\tdone\tb_test.*/relu; LICENSE",
        ):
            self.assertEqual(self.row(row), "")

    def test_rows_that_do_not(self):
        for row in (
            "S001\tdone\t",
            "S001\tdone\ta_test.Suite.Other",
            "S001\tmaybe\tLICENSE",
            "S001\tdone\tCONTRIBUTING.md",
            "S001\tdone\tno/such/file",
            "S001 open",
        ):
            self.assertNotEqual(self.row(row), "", row)


class Ops(unittest.TestCase):
    def test_op_without(self):
        whole = {"name": "relu", "doc": "max(x, 0)", "samples": 3}
        tests = ["generic_test.All/Op.Gradient/relu"]
        self.assertEqual(check_ops.check_op(whole, tests), [])
        self.assertEqual(len(check_ops.check_op(dict(whole, doc=""), tests)), 1)
        self.assertEqual(len(check_ops.check_op(dict(whole, samples=0), tests)), 1)
        self.assertEqual(len(check_ops.check_op(whole, ["generic_test.All/Op.Gradient/prelu"])), 1)


class PageCode(unittest.TestCase):
    def test_a_block_that_is_not_compiled(self):
        page = "```cpp\nint a;\n```\ntext\n```cpp\nint b;\n```\n"
        self.assertEqual(check_page_code.missing_blocks(page, "int a;\n"), (["int b;"], 2))


class OpPage(unittest.TestCase):
    OP = {
        "name": "floor",
        "signature": "floor(input)",
        "doc": "the largest whole number below",
        "inputs": [{"name": "input", "kind": "required", "differentiable": True}],
        "outputs": ["output"],
        "attributes": [{"name": "dim", "type": "int", "default": None, "required": False}],
        "dtypes": ["f32"],
        "gradient": "piecewise constant",
        "composite": False,
        "view": False,
        "random": False,
        "in_place": [],
        "updates": [],
        "autocast": "follow",
    }

    def gate(self, op, *more):
        with open(self.root + "/list.json", "w", encoding="utf-8") as stream:
            json.dump([op], stream)
        command = [sys.executable, GATES + "/check_op_page.py", "--root", self.root]
        command += ["--program", self.program, *more]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.returncode

    def test_a_page_that_is_old(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(self.root + "/docs")
        self.program = self.root + "/gradus"
        with open(self.program, "w", encoding="utf-8") as stream:
            stream.write(f"#!/bin/sh\ncat {self.root}/list.json\n")
        os.chmod(self.program, 0o755)
        self.assertEqual(self.gate(self.OP), 1)
        self.assertEqual(self.gate(self.OP, "--write"), 0)
        self.assertEqual(self.gate(self.OP), 0)
        for key, value in (("doc", "another"), ("gradient", "yes"), ("dtypes", ["f32", "f64"])):
            self.assertEqual(self.gate(dict(self.OP, **{key: value})), 1, key)


class Docs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.program = os.path.join(self.folder, "gradus")
        with open(self.program, "w", encoding="utf-8") as stream:
            stream.write(
                '#!/bin/sh\ncase "$1" in\n  train) echo "--json" ;;\n  --help) echo "train" ;;\n'
                "  *) exit 2 ;;\nesac\n"
            )
        os.chmod(self.program, 0o755)

    def check(self, command):
        return check_docs.check(command, ROOT, self.program)

    def test_finds_commands(self):
        text = "```sh run\n# comment\na \\\n  b\n\nc  # end\n```\n```text\nd\n```\n"
        found = list(check_docs.commands(text))
        self.assertEqual(found, [(3, ["run"], "a   b"), (6, ["run"], "c  # end")])

    def test_lines_that_hold(self):
        for command in (
            "scripts/test.sh",
            "cmake --preset release && cmake --build --preset release",
            "git clone X",
            "build/release/gradus train --json a=1",
            "OMP_NUM_THREADS=1 scripts/data.sh kjv",
            "gradus --help",
        ):
            self.assertEqual(self.check(command), "", command)

    def test_lines_that_do_not(self):
        for command in (
            "scripts/none.sh",
            "cmake --preset none",
            "gradus nothing",
            "gradus train --fast",
            "gradus train recipes/none.toml",
            "make everything",
        ):
            self.assertNotEqual(self.check(command), "", command)

    def test_what_the_readme_shows_is_run(self):
        self.assertNotEqual(check_docs.unrun("README.md", [], "gradus --help"), "")
        self.assertEqual(check_docs.unrun("README.md", ["run"], "gradus --help"), "")
        self.assertEqual(check_docs.unrun("README.md", [], "scripts/test.sh"), "")
        self.assertEqual(check_docs.unrun("docs/a.md", [], "gradus --help"), "")

    def test_long_trainings_are_cut_short(self):
        marks = ["run", "steps=20"]
        train = "gradus train a b=1"
        self.assertEqual(check_docs.shortened(train, marks), train + " steps=20")
        self.assertEqual(check_docs.shortened("gradus eval a", marks), "gradus eval a")

    def test_executes(self):
        self.assertEqual(check_docs.execute("gradus train", self.program, self.folder), "")
        self.assertIn("exit code 2", check_docs.execute("gradus none", self.program, self.folder))


if __name__ == "__main__":
    unittest.main(verbosity=2)
