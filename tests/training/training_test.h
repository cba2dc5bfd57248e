// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/trainer.h"

namespace gradus {

inline std::string contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline int64_t lines_with(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Images of 8 x 8 noise in which one of 4 quarters is bright: its number is the class.
class TrainingTest : public ::testing::Test {
 protected:
  TrainingTest() {
    register_all_ops();
    write_split("train", 240);
    write_split("t10k", 50);
  }
  ~TrainingTest() override { set_thread_count(1); }

  void write_split(const std::string& prefix, uint32_t count) {
    std::vector<uint8_t> pixels, labels;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t label = philox_word({9, count}, i) % 4;
      labels.push_back(static_cast<uint8_t>(label));
      for (uint32_t p = 0; p < 64; ++p) {
        const uint32_t quarter = p / 32 * 2 + p % 8 / 4;
        const uint32_t noise = philox_word({i, count}, p) % 100;
        pixels.push_back(static_cast<uint8_t>(noise + (quarter == label ? 150 : 0)));
      }
    }
    folder_.write(prefix + "-images-idx3-ubyte", idx_bytes({count, 8, 8}, pixels));
    folder_.write(prefix + "-labels-idx1-ubyte", idx_bytes({count}, labels));
  }

  Recipe recipe(std::vector<std::string> settings) const {
    std::vector<std::string> common = {"data.path=" + folder_.path(), "data.classes=4", "batch=20"};
    if (!std::ranges::count(settings, "model.name=resnet")) common.push_back("model.hidden=16");
    settings.insert(settings.begin(), common.begin(), common.end());
    return parse_recipe("", "test", settings);
  }

  ErrorKind refusal(const Recipe& what, const std::string& run, const std::string& part,
                    const TrainingOptions& options = {}) {
    try {
      train(what, run, {}, options);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::internal;
  }

  TemporaryFolder folder_;
};

}  // namespace gradus
