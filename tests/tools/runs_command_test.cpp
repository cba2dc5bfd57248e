// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"
#include "tools/loss_curve.h"
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
  EXPECT_EQ(run("runs plot " + one, "2>/dev/null").output, one + "/plot.svg\n");
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

// What is drawn is what the log has, digit by digit; and the curve is named.
TEST_F(RunsCommandTest, PlottedNumbersEqualTheLog) {
  std::string metrics;
  std::vector<double> losses;
  for (int step = 1; step <= 120; ++step) {
    losses.push_back(1.0 / 3 + std::exp(-step / 7.0));
    metrics += fmt::format("{{\"step\":{},\"loss\":{:.17g},\"lr\":0.1}}\n", step, losses.back());
  }
  const std::string one = folder_.file("one"), csv = folder_.file("plot.csv");
  write("one/metrics.jsonl", metrics);
  const Outcome drawn = run("runs plot " + one + " --csv " + csv);
  EXPECT_EQ(drawn.code, 0);
  EXPECT_NE(drawn.output.find(one + ": plateau: "), std::string::npos) << drawn.output;
  std::ifstream table(csv);
  std::string line, cell;
  std::getline(table, line);
  EXPECT_EQ(line, "step,loss,lr");
  for (size_t i = 0; i < losses.size(); ++i) {
    ASSERT_TRUE(std::getline(table, line));
    std::istringstream cells(line);
    std::getline(cells, cell, ',');
    EXPECT_EQ(cell, std::to_string(i + 1));
    std::getline(cells, cell, ',');
    EXPECT_EQ(std::stod(cell), losses[i]);
  }
  EXPECT_FALSE(std::getline(table, line));
  const auto shown = nlohmann::json::parse(run("runs show " + one + " --json").output);
  EXPECT_EQ(shown["curve"]["kind"], "plateau");
  EXPECT_NE(
      run("runs show " + folder_.file("two")).output.find("curve: too short to tell: 3 steps"),
      std::string::npos);
  EXPECT_EQ(run("runs plot " + one + " " + folder_.file("two") + " --csv " + csv).code, 2);
}

// A synthetic run: `loss` of the share of it that is over, plus normal noise.
std::vector<double> curve(size_t steps, double noise, const std::function<double(double)>& loss) {
  std::vector<double> losses;
  for (uint32_t i = 0; i < steps; ++i) {
    const double u = (philox_word({7, 7}, 2 * i) + 1.0) / 4294967297.0;
    const double v = philox_word({7, 7}, 2 * i + 1) / 4294967296.0;
    const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
    losses.push_back(loss(static_cast<double>(i) / static_cast<double>(steps)) + noise * normal);
  }
  return losses;
}

TEST(LossCurve, SyntheticRunsAreNamed) {
  for (const size_t steps : {100u, 1000u, 20000u}) {
    const auto kind = [&](double noise, const std::function<double(double)>& loss) {
      return classify_curve(curve(steps, noise, loss)).kind;
    };
    const double cycle = 2 * M_PI;
    EXPECT_EQ(kind(0.02, [](double t) { return 2.3 * std::exp(-3 * t); }), CurveKind::converging);
    EXPECT_EQ(kind(0, [](double t) { return 1e-6 * std::exp(-9 * t); }), CurveKind::converging);
    EXPECT_EQ(kind(0.02, [](double t) { return 0.5 + 2 * std::exp(-30 * t); }), CurveKind::plateau);
    EXPECT_EQ(kind(0.2, [](double) { return 2.3; }), CurveKind::plateau);
    EXPECT_EQ(kind(0, [](double) { return 0.0; }), CurveKind::plateau);
    EXPECT_EQ(kind(0.02, [](double t) { return 0.5 + std::exp(-9 * t) + 3 * t * t; }),
              CurveKind::diverging);
    EXPECT_EQ(kind(0, [](double t) { return std::exp(30 * t); }), CurveKind::diverging);
    EXPECT_EQ(kind(0.01, [](double t) { return t < 0.96 ? 1 - t / 2 : 40.0; }),
              CurveKind::diverging);
    EXPECT_EQ(kind(0.01, [&](double t) { return 1 + 0.3 * std::sin(6 * cycle * t); }),
              CurveKind::oscillating);
    EXPECT_EQ(kind(0.02, [&](double t) { return 2 - t + 0.2 * std::sin(20 * cycle * t); }),
              CurveKind::oscillating);
    // From step to step, as beyond the largest stable rate.
    std::vector<double> steep = curve(steps, 0.02, [](double t) { return 1 - t / 2; });
    for (size_t i = 0; i < steep.size(); i += 2) steep[i] += 0.4;
    EXPECT_EQ(classify_curve(steep).kind, CurveKind::oscillating);
  }
}

TEST(LossCurve, WhatIsNotFinite) {
  std::vector<double> losses = curve(200, 0.01, [](double t) { return 2 - t; });
  losses[50] = losses[51] = nan;
  EXPECT_EQ(classify_curve(losses).kind, CurveKind::converging);
  for (size_t i = 190; i < 200; ++i) losses[i] = nan;
  EXPECT_EQ(classify_curve(losses).kind, CurveKind::diverging);
  EXPECT_EQ(classify_curve({}).kind, CurveKind::too_short);
  EXPECT_EQ(classify_curve(std::vector<double>(79, 1.0)).kind, CurveKind::too_short);
  // Squares of such numbers overflow.
  EXPECT_EQ(classify_curve(curve(200, 0, [](double t) { return 1e300 * (3 - t); })).kind,
            CurveKind::converging);
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
