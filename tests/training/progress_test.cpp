// SPDX-License-Identifier: Apache-2.0
#include "training/progress.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

Progress some_progress() {
  Progress progress;
  progress.position = {123456789012, 2};
  progress.micro_steps = 3;
  progress.samples = 7;
  progress.seconds = 0.1 + 0.2;
  progress.loss = HUGE_VAL;
  progress.validated = 120;
  progress.validation = {std::nan(""), 1.0 / 3, 50};
  progress.parts = {
      {"stop.best", {-HUGE_VAL}}, {"guard.losses", {}}, {"guard.norms", {5e-324, -0.0}}};
  progress.metrics_bytes = int64_t{1} << 62;
  return progress;
}

TEST(Progress, ReadsBackExactly) {
  const Progress before = some_progress();
  const Progress after = parse_progress(to_json(before), "test");
  EXPECT_EQ(after.position, before.position);
  EXPECT_EQ(after.micro_steps, 3);
  EXPECT_EQ(after.samples, 7);
  EXPECT_EQ(after.seconds, before.seconds);
  EXPECT_EQ(after.loss, HUGE_VAL);
  EXPECT_EQ(after.validated, 120);
  EXPECT_TRUE(std::isnan(after.validation.loss));
  EXPECT_EQ(after.validation.accuracy, 1.0 / 3);
  EXPECT_EQ(after.validation.samples, 50);
  EXPECT_EQ(after.parts, before.parts);
  EXPECT_EQ(after.metrics_bytes, before.metrics_bytes);
}

TEST(Progress, WhatIsNotOneIsRefused) {
  const std::string good = to_json(some_progress());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string("7"),
        with("\"step\": 123456789012", "\"step\": -1"),
        with("\"step\": 123456789012", "\"step\": 1.5"),
        with("\"step\": 123456789012", "\"step\": 18446744073709551615"),
        with("\"loss\": \"inf\"", "\"loss\": \"infinity\""),
        with("\"loss\": \"inf\"", "\"loss\": null"), with("\"samples\": 7", "\"samples\": \"7\""),
        with("\"metrics_bytes\"", "\"metrics\"")}) {
    try {
      parse_progress(text, "the source");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data) << text;
      EXPECT_NE(std::string(error.what()).find("the source"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace gradus
