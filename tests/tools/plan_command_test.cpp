// SPDX-License-Identifier: Apache-2.0
// `gradus plan`, `gradus find` and the keys that go with them, as a user meets them.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::run;
using Json = nlohmann::json;

class PlanCommand : public ::testing::Test {
 protected:
  PlanCommand() {
    std::ofstream(folder_.file("train.txt")) << std::string(9000, 'a') << std::string(5000, 'b');
    std::ofstream(folder_.file("val.txt")) << std::string(500, 'b');
    std::ofstream(folder_.file("gpt.toml"))
        << "batch = 8\nsteps = 20\nthreads = 1\n[model]\nname = \"gpt\"\nwidth = 32\nlayers = 3\n"
           "heads = 2\n[data]\nformat = \"text\"\nlength = 32\npath = \""
        << folder_.path() << "\"\n";
  }

  std::string recipe() const { return folder_.file("gpt.toml"); }
  static Json json(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(std::ranges::count(outcome.output, '\n'), 1) << outcome.output;
    return Json::parse(outcome.output);
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_.file(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  TemporaryFolder folder_;
};

TEST_F(PlanCommand, SaysWhatTrainingNeeds) {
  const Json plan = json(run("plan " + recipe() + " --json", "2>/dev/null"));
  int64_t sum = 0;
  for (const auto& [name, bytes] : plan.at("memory").items()) sum += bytes.get<int64_t>();
  EXPECT_EQ(sum, plan.at("total_bytes"));
  EXPECT_EQ(plan.at("batch"), 8);
  EXPECT_GT(plan.at("flops"), 1e6);
  EXPECT_GT(plan.at("estimate").at("seconds"), 0);
  EXPECT_LT(plan.at("recompute").at("total_bytes"), plan.at("total_bytes"));
  EXPECT_GT(plan.at("recompute").at("flops"), plan.at("flops"));
  EXPECT_EQ(plan.at("largest_batch").at("all_samples"), true);
  const std::string text = run("plan " + recipe(), "2>/dev/null").output;
  for (const char* part :
       {"step of 8 samples: ", "time of a step: at least ", "measured now", "parameters",
        "activations", "in all", "with recompute=true: ", "largest batch in "})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(PlanCommand, ListsAreJsonToo) {
  const auto update = [&](const std::string& list) {
    const Json programs = json(run("plan " + recipe() + " --json " + list, "2>/dev/null"));
    EXPECT_EQ(programs.at("programs").at(0).at("runs"), 1);
    return programs.at("programs").at(0);
  };
  const Json values = update("--values");
  int64_t most = 0;
  for (const Json& value : values.at("values"))
    most = std::max(most, value.at("offset").get<int64_t>() + value.at("bytes").get<int64_t>());
  EXPECT_EQ(most, values.at("arena_bytes"));
  const Json graph = update("--graph text");
  const Json& nodes = graph.at("nodes");
  EXPECT_GT(nodes.size(), 50u);
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const Json& input : nodes[i].at("inputs"))
      EXPECT_TRUE(input.is_null() || input.at("node") < i) << nodes[i];
  EXPECT_TRUE(graph.at("outputs").contains("loss"));
  EXPECT_EQ(update("--graph dot").at("dot").get<std::string>().substr(0, 7), "digraph");
  EXPECT_EQ(run("plan " + recipe() + " --values --graph text").code, 2);
}

TEST_F(PlanCommand, TheLargestBatchFits) {
  const Json plan = json(run("plan " + recipe() + " --memory 4MiB --json", "2>/dev/null"));
  const Json& largest = plan.at("largest_batch");
  const int64_t batch = largest.at("batch");
  EXPECT_GT(batch, 8);
  EXPECT_LE(largest.at("total_bytes"), 4 << 20);
  const auto bytes_of = [&](int64_t size) -> int64_t {
    return json(run("plan " + recipe() + " --quick --json batch=" + std::to_string(size),
                    "2>/dev/null"))
        .at("total_bytes");
  };
  EXPECT_EQ(bytes_of(batch), largest.at("total_bytes"));
  EXPECT_GT(bytes_of(batch + 1), 4 << 20);
  const Json found = json(run("find batch " + recipe() + " --memory 4MiB --json", "2>/dev/null"));
  EXPECT_EQ(found.at("largest"), batch);
  EXPECT_FALSE(found.contains("fastest"));
}

TEST_F(PlanCommand, HonoursAccumulate) {
  const Json whole = json(run("plan " + recipe() + " --quick --json", "2>/dev/null"));
  const Json parts = json(run("plan " + recipe() + " --quick --json accumulate=4", "2>/dev/null"));
  EXPECT_LT(parts.at("memory").at("activations"), whole.at("memory").at("activations"));
  EXPECT_EQ(parts.at("memory").at("gradient_sums").get<int64_t>(),
            whole.at("memory").at("parameters").get<int64_t>() + 16);
  EXPECT_NEAR(parts.at("flops").get<double>() / whole.at("flops").get<double>(), 1, 0.02);
  const Json one = json(run("profile " + recipe() + " --steps 2 --json", "2>/dev/null"));
  const Json four =
      json(run("profile " + recipe() + " --steps 2 --json accumulate=4", "2>/dev/null"));
  const auto flops = [](const Json& rows) {
    double sum = 0;
    for (const auto& row : rows) sum += row.at("flops").get<double>();
    return sum;
  };
  EXPECT_NEAR(flops(four) / flops(one), 1, 0.02);
  EXPECT_EQ(run("profile " + recipe() + " --steps 2 accumulate=4 guard.policy=skip").code, 0);
}

TEST_F(PlanCommand, RefusesWhatIsNoSize) {
  for (const char* size : {"8G", "-1", "0", "much", "''"}) {
    const Outcome outcome = run("plan " + recipe() + " --memory=" + size);
    EXPECT_EQ(outcome.code, 2) << size << outcome.output;
  }
  const Outcome tiny = run("find batch " + recipe() + " --memory 10KB");
  EXPECT_EQ(tiny.code, 6) << tiny.output;
  EXPECT_NE(run("plan " + recipe() + " --memory 10KB").output.find("no batch fits into"),
            std::string::npos);
  EXPECT_EQ(run("plan " + recipe() + " batch=0").code, 2);
  EXPECT_EQ(run("plan " + recipe() + " batch=most").code, 2);
  EXPECT_NE(run("plan " + recipe() + " batch=most").output.find("or auto or full"),
            std::string::npos);
  EXPECT_EQ(run("plan " + folder_.path()).code, 4);
}

TEST_F(PlanCommand, WordsForABatch) {
  const Json plan = json(run("plan " + recipe() + " --quick --json batch=full", "2>/dev/null"));
  EXPECT_EQ(plan.at("batch"), (14000 - 1) / 32);
  const std::string shown = run("config show " + recipe() + " batch=auto", "2>/dev/null").output;
  EXPECT_NE(shown.find("auto"), std::string::npos) << shown;
}

TEST_F(PlanCommand, FindLrWritesAPlotAndLeavesNoRun) {
  const std::string csv = folder_.file("lr.csv"), svg = folder_.file("lr.svg");
  const Json found = json(run(
      "find lr " + recipe() + " --steps 40 --json --csv " + csv + " --svg " + svg, "2>/dev/null"));
  const size_t points = found.at("points").size();
  EXPECT_GT(points, 10u);
  EXPECT_GT(found.at("suggested"), 1e-6);
  const std::string table = read("lr.csv");
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(table, '\n')), points + 1);
  EXPECT_EQ(table.find("lr,loss,smoothed\n"), 0u);
  EXPECT_NE(read("lr.svg").find("Learning-rate range test"), std::string::npos);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    (void)entry;
    ++files;
  }
  EXPECT_EQ(files, 5);  // two texts, recipe, csv, svg
  EXPECT_NE(run("find lr " + recipe() + " --steps 30", "2>/dev/null").output.find("suggested: lr="),
            std::string::npos);
  EXPECT_EQ(run("find lr " + recipe() + " --from 1 --to 0.1").code, 2);
  EXPECT_EQ(run("find lr " + recipe() + " --steps 1").code, 2);
  EXPECT_EQ(run("find lr " + recipe() + " --steps 5 --csv " + folder_.path()).code, 5);
  EXPECT_EQ(run("find lr " + folder_.file("none.toml")).code, 3);
  EXPECT_EQ(run("find").code, 2);
}

TEST_F(PlanCommand, FindBatchMeasures) {
  const Json found = json(run(
      "find batch " + recipe() + " --memory 3MiB --measure --seconds 0.02 --json", "2>/dev/null"));
  const Json& rows = found.at("measured");
  ASSERT_GE(rows.size(), 3u);
  bool listed = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("batch"), 1 << i);
    EXPECT_GT(rows[i].at("samples_per_second"), 0);
    listed = listed || rows[i].at("batch") == found.at("fastest");
  }
  EXPECT_TRUE(listed);
  EXPECT_EQ(run("find batch " + recipe() + " --measure --seconds 0").code, 2);
}

TEST_F(PlanCommand, TimeEndsTrain) {
  const std::string out = folder_.file("run");
  const Outcome outcome = run("train " + recipe() + " run=" + out + " steps=1000000 time=0.5s");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("its time is over after "), std::string::npos) << outcome.output;
  EXPECT_EQ(run("eval " + out).code, 0);
  EXPECT_EQ(run("train " + recipe() + " time=soon run=" + folder_.file("other")).code, 2);
}

}  // namespace
}  // namespace gradus
