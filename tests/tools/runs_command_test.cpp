// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <limits>

#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"
#include "tools/run_plot.h"
#include "tools/run_table.h"
#include "tools/svg_plot.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::run;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class RunsCommandTest : public ::testing::Test {
 protected:
  RunsCommandTest() {
    make("one", "lr = 0.5\n", 12);
    make("two", "lr = 0.25\nseed = 4\n", 3);
  }

  void make(const std::string& name, const std::string& recipe, int steps) {
    std::filesystem::create_directories(folder_.file(name));
    write(name + "/recipe.toml", recipe);
    std::string metrics;
    for (int step = 1; step <= steps; ++step)
      metrics += "{\"step\":" + std::to_string(step) + ",\"loss\":" + std::to_string(3.0 / step) +
                 ",\"lr\":0.5}\n";
    metrics += "{\"step\":" + std::to_string(steps) +
               ",\"split\":\"validation\",\"metrics\":{\"accuracy\":0.75,\"loss\":0.5}}\n";
    write(name + "/metrics.jsonl", metrics);
  }
  void write(const std::string& name, const std::string& text) {
    folder_.write(name, {text.begin(), text.end()});
  }

  TemporaryFolder folder_;
};

TEST_F(RunsCommandTest, ListsAndShows) {
  const auto all = nlohmann::json::parse(run("runs ls " + folder_.path() + " --json").output);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["steps"], 12);
  EXPECT_EQ(all[1]["evaluation"]["metrics"]["accuracy"], 0.75);
  EXPECT_EQ(all[1]["finished"], false);
  EXPECT_NE(run("runs ls " + folder_.path()).output.find("unfinished  12"), std::string::npos);
  const Outcome shown = run("runs show " + folder_.file("one"));
  EXPECT_NE(shown.output.find("lr = 0.5"), std::string::npos) << shown.output;
  EXPECT_EQ(run("runs tail " + folder_.file("one") + " --lines 1").output,
            "step 12  loss 0.250000  lr 0.5\nstep 12  validation accuracy 0.7500 loss 0.5000\n");
  EXPECT_EQ(run("runs show " + folder_.path()).code, 3);
  EXPECT_EQ(run("runs ls " + folder_.file("none")).code, 3);
}

TEST_F(RunsCommandTest, ComparesOnlyWhatDiffers) {
  const std::string both = folder_.file("one") + " " + folder_.file("two");
  const auto json = nlohmann::json::parse(run("runs diff " + both + " --json").output);
  EXPECT_EQ(json[folder_.file("one")]["settings"].size(), 2u);
  EXPECT_EQ(json[folder_.file("two")]["settings"]["seed"], "4");
  EXPECT_FALSE(json[folder_.file("two")].contains("result"));
  const Outcome text = run("runs compare " + both);
  EXPECT_NE(text.output.find("0.25"), std::string::npos);
  EXPECT_NE(text.output.find("steps done"), std::string::npos);
  EXPECT_EQ(text.output.find("batch"), std::string::npos);
}

TEST_F(RunsCommandTest, DrawsAndExports) {
  const std::string one = folder_.file("one");
  EXPECT_EQ(run("runs plot " + one).output, one + "/plot.svg\n");
  EXPECT_GT(std::filesystem::file_size(one + "/plot.svg"), 1000u);
  EXPECT_EQ(run("runs export " + one).output, one + "/metrics.csv\n");
  EXPECT_EQ(run("runs export " + one + " --format tensorboard").code, 0);
  EXPECT_EQ(run("runs export " + one + " --format xml").code, 2);
  EXPECT_EQ(run("runs plot " + one + " --output /none/x.svg").code, 5);
  const Outcome other = run("runs plot " + one + " --output " + folder_.file("x.png"));
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.output.find("ends in .svg"), std::string::npos) << other.output;
}

TEST_F(RunsCommandTest, ADamagedRunHidesNoOther) {
  write("one/metrics.jsonl", "no JSON\n");
  const Outcome text = run("runs ls " + folder_.path());
  EXPECT_EQ(text.code, 1);
  EXPECT_NE(text.output.find("one  damaged"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("two  unfinished  3 "), std::string::npos) << text.output;
  const auto all =
      nlohmann::json::parse(run("runs ls " + folder_.path() + " --json", "2>/dev/null").output);
  EXPECT_TRUE(all[0].contains("error"));
  EXPECT_EQ(all[1]["steps"], 3);
}

TEST(RunTable, CsvHasALineForEachStep) {
  RunRecord record;
  record.steps = {{1, 0.1, 0.5}, {2, 0.25, 0.5}};
  record.evaluations = {{2, "validation", {{"accuracy", 0.75}}}};
  EXPECT_EQ(to_csv(record), "step,loss,lr,validation_accuracy\n1,0.1,0.5,\n2,0.25,0.5,0.75\n");
}

TEST(SvgPlot, TicksAreRoundAndInside) {
  EXPECT_EQ(round_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(-0.011, 0.031, 4), (std::vector<double>{-0.01, 0, 0.01, 0.02, 0.03}));
  EXPECT_TRUE(round_ticks(1, 1, 5).empty());
}

// Neither what is not finite, nor one point, nor none breaks the picture.
TEST(SvgPlot, DrawsWhatItCan) {
  using Points = std::vector<std::pair<double, double>>;
  for (const Points& points : {Points{}, Points{{1, 2}}, Points{{1, nan}, {2, nan}},
                               Points{{1, 5}, {2, 5}}, Points{{1, 1e300}, {2, -1e300}}}) {
    const std::string svg =
        to_svg({{.title = "<a&b>",
                 .x_label = "x",
                 .y_label = "y",
                 .series = {{.name = "s", .points = points, .pale = false, .marked = true}}}});
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
    EXPECT_NE(svg.find("&lt;a&amp;b&gt;"), std::string::npos);
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
  }
}

TEST(RunPlot, TheMeanForgetsAndSkipsWhatIsNotFinite) {
  EXPECT_EQ(running_mean({1, 3, nan, 3}, 0.5),
            (std::vector<double>{1, 7.0 / 3, 7.0 / 3, 19.0 / 7}));
  EXPECT_EQ(running_mean({}, 0.5).size(), 0u);
}

}  // namespace
}  // namespace gradus
