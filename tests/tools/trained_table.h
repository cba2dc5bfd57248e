// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus::testing {

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline size_t lines_of(const std::string& text) {
  return static_cast<size_t>(std::ranges::count(text, '\n'));
}

// A folder with tables, a recipe and a run.
class TrainedTable : public ::testing::Test {
 protected:
  // x and y decide the side; the colour says nothing. Every 10th amount is missing.
  std::string write_table(const std::string& name, int rows, bool numbers) {
    std::string text = "x,y,colour,target\n";
    for (uint32_t i = 0; i < static_cast<uint32_t>(rows); ++i) {
      const auto draw = [&](uint32_t k) {
        return static_cast<double>(philox_word({3, 1}, 3 * i + k)) / 4294967296.0;
      };
      const double x = draw(0), y = draw(1);
      const std::string target = numbers        ? fmt::format("{}", 100 * x - 50 * y + draw(2))
                                 : x + y > 1.2  ? "high"
                                 : x + y > 0.85 ? "\"mid, dle\""
                                                : "low";
      text += fmt::format("{},{},{},{}\n", x, i % 10 == 9 ? "" : fmt::format("{}", y),
                          i % 3 == 0 ? "red" : "blue", target);
    }
    return folder_.write(name, {text.begin(), text.end()});
  }

  void train(const std::string& table, const std::string& more = "") {
    const Outcome outcome =
        run("train " + recipe_ + " data.path=" + table + " run=" + run_ + " " + more);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }

  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, {text.begin(), text.end()});
  }

  TemporaryFolder folder_;
  std::string recipe_ = write("r.toml",
                              "steps = 150\nbatch = 16\nlr = 0.01\n[model]\nname = \"mlp\"\n"
                              "hidden = [16]\n[data]\nformat = \"csv\"\nvalidation = 0.2\n"
                              "test = 0.25\nmissing = \"mean\"\n");
  std::string run_ = folder_.file("run"), report_ = folder_.file("report");
};

}  // namespace gradus::testing
