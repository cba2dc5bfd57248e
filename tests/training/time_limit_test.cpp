// SPDX-License-Identifier: Apache-2.0
// `time` ends a run between two steps, with all that an end has, over however many processes.
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/training/training_test.h"

namespace gradus {
namespace {

class TimeLimitTest : public TrainingTest {
 protected:
  // Steps of at least 20 ms.
  static void wait(const StepReport&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  Recipe timed(const std::string& time, const std::string& more = "epochs=1") const {
    return recipe({"steps=100000", "time=" + time, "data.validation_samples=40",
                   "validate_every=1000", "accumulate=2", more});
  }
};

TEST_F(TimeLimitTest, EndsARunThatIsWholeThere) {
  const std::string run = folder_.file("run");
  int64_t steps = 0;
  const TrainingResult result =
      train(timed("0.4s"), run, {.stepped = [&](const StepReport& report) {
              steps = report.step;
              wait(report);
            }});
  EXPECT_EQ(result.end, TrainingEnd::finished);
  EXPECT_TRUE(result.out_of_time);
  EXPECT_EQ(result.steps, steps);
  EXPECT_GE(steps, 1);
  EXPECT_LE(steps, 20);
  EXPECT_TRUE(result.validated);
  const std::string metrics = contents(run + "/metrics.jsonl");
  EXPECT_EQ(lines_with(metrics, "\n"), steps + 1);
  EXPECT_EQ(lines_with(metrics, "{\"step\":" + std::to_string(steps) + ",\"split\":"), 1);
  EXPECT_EQ(evaluate_run(run).samples, 50);
  // As a run of that many steps; a finished one stays as it is, also for another time.
  train(recipe({"steps=" + std::to_string(steps), "data.validation_samples=40",
                "validate_every=1000", "accumulate=2"}),
        folder_.file("counted"));
  EXPECT_TRUE(contents(run + "/final.safetensors") ==
              contents(folder_.file("counted") + "/final.safetensors"));
  EXPECT_EQ(metrics, contents(folder_.file("counted") + "/metrics.jsonl"));
  EXPECT_EQ(train(timed("2h"), run).end, TrainingEnd::finished_already);
}

TEST_F(TimeLimitTest, CountsTheTimeOfEarlierProcesses) {
  const std::string run = folder_.file("run");
  int64_t seen = 0;
  const auto process = [&](const std::string& time, int64_t most) {
    int64_t steps = 0;
    return train(timed(time), run,
                 {.stepped =
                      [&](const StepReport& report) {
                        ++steps;
                        ++seen;
                        wait(report);
                      }},
                 {.stop = [&] { return steps >= most; }});
  };
  EXPECT_EQ(process("0.5s", 2).end, TrainingEnd::stopped);
  EXPECT_EQ(process("0.5s", 2).end, TrainingEnd::stopped);  // 0.08 s are over
  const TrainingResult result = process("0.5s", 1000);
  EXPECT_EQ(result.end, TrainingEnd::finished);
  EXPECT_EQ(result.steps, seen);
  EXPECT_LE(seen, 25);  // the last process alone would make that many
}

TEST_F(TimeLimitTest, MayBecomeLongerWhileARunGoesOn) {
  const std::string run = folder_.file("run");
  int64_t steps = 0;
  const TrainingObserver count{.stepped = [&](const StepReport& report) {
    ++steps;
    wait(report);
  }};
  EXPECT_EQ(train(timed("1h"), run, count, {.stop = [&] { return steps == 3; }}).end,
            TrainingEnd::stopped);
  const TrainingResult result = train(timed("0.01s"), run, count);  // over already
  EXPECT_TRUE(result.out_of_time);
  EXPECT_EQ(result.steps, 3);
}

TEST_F(TimeLimitTest, StepsMayBeOverFirst) {
  const TrainingResult result = train(recipe({"steps=3", "time=1h"}), folder_.file("run"));
  EXPECT_EQ(result.steps, 3);
  EXPECT_FALSE(result.out_of_time);
}

TEST_F(TimeLimitTest, IsATime) {
  for (const char* time : {"2", "-1h", "2 h", "0s", "2hours", "1h1h", "nan"})
    EXPECT_THROW(recipe({std::string("time=") + time}), Error) << time;
  try {
    parse_recipe("steps = 3\ntime = \"2x\"\n", "r.toml");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "r.toml:2:8: 'time' expected a time as 90s, 30m, 2h or 1h30m, got '2x'");
  }
}

}  // namespace
}  // namespace gradus
