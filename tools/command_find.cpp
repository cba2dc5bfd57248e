// SPDX-License-Identifier: Apache-2.0
// `gradus find`: settings that a recipe could have, found by trying. It reads no run and leaves
// none.
#include <cmath>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/batch_speed.h"
#include "tools/commands.h"
#include "tools/memory_option.h"
#include "tools/progress_line.h"
#include "tools/svg_plot.h"
#include "tools/with_recipe.h"
#include "training/batch_choice.h"
#include "training/lr_range_test.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct LrOptions {
  std::string recipe;
  std::vector<std::string> settings;
  LrRangeOptions range;
  std::string csv, svg;
  bool json = false;
};

void write_text(const std::string& path, const std::string& text) {
  const std::string_view parts[] = {text};
  write_file_atomically(path, parts);
}

std::string csv_of(const LrRangeResult& result) {
  std::string text = "lr,loss,smoothed\n";
  for (const LrRangePoint& point : result.points)
    text += fmt::format("{:.17g},{:.17g},{:.17g}\n", point.lr, point.loss, point.smoothed);
  return text;
}

std::string svg_of(const LrRangeResult& result) {
  PlotSeries raw{.name = "loss", .points = {}, .pale = true};
  PlotSeries smoothed{.name = "smoothed loss", .points = {}};
  PlotSeries suggested{
      .name = fmt::format("suggested: {:.2g}", result.suggested), .points = {}, .marked = true};
  suggested.colour = 1;
  for (const LrRangePoint& point : result.points) {
    raw.points.emplace_back(std::log10(point.lr), point.loss);
    smoothed.points.emplace_back(std::log10(point.lr), point.smoothed);
    if (point.lr == result.suggested)
      suggested.points.emplace_back(std::log10(point.lr), point.smoothed);
  }
  PlotPanel panel{.title = "Learning-rate range test",
                  .x_label = "learning rate, logarithm to base 10",
                  .y_label = "training loss",
                  .series = {raw, smoothed},
                  .from_zero = false};
  if (!suggested.points.empty()) panel.series.push_back(suggested);
  return to_svg({panel});
}

void print_result(const LrRangeResult& result, bool json) {
  if (json) {
    Json points = Json::array();
    for (const LrRangePoint& point : result.points)
      points.push_back({{"lr", point.lr}, {"loss", point.loss}, {"smoothed", point.smoothed}});
    const Json suggested = result.suggested > 0 ? Json(result.suggested) : Json();
    fmt::print(
        "{}\n",
        Json({{"suggested", suggested}, {"diverged", result.diverged}, {"points", points}}).dump());
    return;
  }
  const size_t every = std::max<size_t>(result.points.size() / 20, 1);
  fmt::print("{:>10} {:>12} {:>12}\n", "lr", "loss", "smoothed");
  for (size_t i = 0; i < result.points.size(); i += every)
    fmt::print("{:10.3g} {:12.6g} {:12.6g}\n", result.points[i].lr, result.points[i].loss,
               result.points[i].smoothed);
  if (result.diverged && !result.points.empty())
    fmt::print("the loss diverged behind lr {:.3g}\n", result.points.back().lr);
  if (result.suggested > 0)
    fmt::print("suggested: lr={:.3g}, where the loss falls most steeply\n", result.suggested);
  else
    fmt::print("no suggestion: the loss never falls\n");
}

int run_lr(const LrOptions& options, const Recipe& given) {
  use_threads(given);
  const Recipe recipe = for_lr_range(with_known_batch(given), options.range);
  TrainingSession session(recipe);
  ProgressLine line;
  int64_t step = 0;
  const LrRangeResult result =
      test_lr_range(session, options.range, [&](const LrRangePoint& point) {
        ++step;
        if (line.due())
          line.show(fmt::format("step {}/{}  lr {:.3g}  loss {:.4g}", step, options.range.steps,
                                point.lr, point.loss));
      });
  if (!options.csv.empty()) write_text(options.csv, csv_of(result));
  if (!options.svg.empty()) write_text(options.svg, svg_of(result));
  print_result(result, options.json);
  return exit_success;
}

Command lr_command() {
  const auto options = std::make_shared<LrOptions>();
  return {
      .name = "lr",
      .doc = "The learning-rate range test: train while lr rises, and see where the loss falls",
      .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                  {"SETTINGS", "key=value settings that replace the recipe's", &options->settings},
                  {"--from", "The first rate", &options->range.from},
                  {"--to", "The last rate", &options->range.to},
                  {"--steps", "Optimizer steps between them", &options->range.steps},
                  {"--smoothing", "Decay of the running mean of losses", &options->range.smoothing},
                  {"--csv", "Write the points to this file", &options->csv},
                  {"--svg", "Draw the points into this file", &options->svg},
                  {"--json", "Print one JSON object", &options->json}},
      .run = [options] {
        return with_recipe(options->recipe, options->settings,
                           [&](const Recipe& recipe) { return run_lr(*options, recipe); });
      }};
}

struct BatchOptions {
  std::string recipe;
  std::vector<std::string> settings;
  std::string memory;
  bool measure = false;
  double seconds = 1;
  bool json = false;
};

void print_batches(const BatchChoice& choice, int64_t memory, const std::vector<BatchSpeed>& speeds,
                   bool json) {
  const int64_t fastest = fastest_batch(speeds);
  if (json) {
    Json rows = Json::array();
    for (const BatchSpeed& speed : speeds)
      rows.push_back({{"batch", speed.batch},
                      {"ms", speed.seconds * 1e3},
                      {"samples_per_second", speed.samples_per_second()}});
    Json result = {{"largest", choice.batch},
                   {"total_bytes", choice.bytes},
                   {"memory", memory},
                   {"all_samples", choice.all_samples}};
    if (!speeds.empty()) {
      result["fastest"] = fastest;
      result["measured"] = rows;
    }
    fmt::print("{}\n", result.dump());
    return;
  }
  if (!speeds.empty()) fmt::print("{:>10} {:>12} {:>12}\n", "batch", "ms a step", "samples/s");
  for (const BatchSpeed& speed : speeds)
    fmt::print("{:10} {:12.3f} {:12.1f}{}\n", speed.batch, speed.seconds * 1e3,
               speed.samples_per_second(), speed.batch == fastest ? "  <- fastest" : "");
  fmt::print("largest in {}: batch={}{}, {}\n", bytes_text(static_cast<double>(memory)),
             choice.batch, choice.all_samples ? " (all samples)" : "",
             bytes_text(static_cast<double>(choice.bytes)));
}

int run_batch(const BatchOptions& options, const Recipe& recipe) {
  GRADUS_CHECK(options.seconds > 0 && options.seconds <= 3600,
               "find batch: --seconds, expected above 0 and at most 3600, got {}", options.seconds);
  memory_option(options.memory, 0);  // its errors before minutes of work
  use_threads(recipe);
  const LoadedData data = load_measured_data(recipe);
  const int64_t memory = memory_option(options.memory, data.bytes);
  const BatchChoice choice = largest_batch(recipe, data, memory);
  if (choice.batch == 0)
    failf(ErrorKind::out_of_memory, "find batch", "a step of {} samples does not fit into {}",
          recipe.integer("accumulate"), bytes_text(static_cast<double>(memory)));
  std::vector<BatchSpeed> speeds;
  ProgressLine line;
  const int64_t parts = recipe.integer("accumulate");
  for (int64_t batch = parts; options.measure && batch <= choice.batch; batch *= 2) {
    speeds.push_back(measure_batch(recipe, data.data, batch, options.seconds));
    if (line.due())
      line.show(
          fmt::format("batch {}: {:.1f} samples/s", batch, speeds.back().samples_per_second()));
    if (is_past_best(speeds)) break;
  }
  print_batches(choice, memory, speeds, options.json);
  return exit_success;
}

Command batch_command() {
  const auto options = std::make_shared<BatchOptions>();
  return {
      .name = "batch",
      .doc = "The largest batch that fits into memory, and with --measure the fastest",
      .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                  {"SETTINGS", "key=value settings that replace the recipe's", &options->settings},
                  {"--memory",
                   "What training may take, as 8GiB; without it nine tenths of what this process "
                   "can have by the machine, its control group and ulimit",
                   &options->memory},
                  {"--measure",
                   "Train with batches of 1, 2, 4, ... (times accumulate) until samples/s fall",
                   &options->measure},
                  {"--seconds", "How long to measure each", &options->seconds},
                  {"--json", "Print one JSON object", &options->json}},
      .run = [options] {
        return with_recipe(options->recipe, options->settings,
                           [&](const Recipe& recipe) { return run_batch(*options, recipe); });
      }};
}

}  // namespace

Command find_command() {
  return {.name = "find",
          .doc = "Find a learning rate or a batch for a recipe; leaves no run",
          .commands = {lr_command(), batch_command()}};
}

}  // namespace gradus
