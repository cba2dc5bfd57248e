// SPDX-License-Identifier: Apache-2.0
// `gradus runs`: lists, shows, compares, draws and exports what run folders hold.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "interop/tensorboard/event_file.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/loss_curve.h"
#include "tools/run_plot.h"
#include "tools/run_table.h"
#include "training/recipe.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// What many subcommands share.
struct RunsOptions {
  std::vector<std::string> runs;
  std::string run;
  std::string root = "runs";
  std::string output, csv;
  std::string format = "csv";
  int64_t lines = 10;
  bool json = false;
};

Json to_json(const EvaluationRecord& evaluation) {
  return {{"step", evaluation.step}, {"split", evaluation.split}, {"metrics", evaluation.metrics}};
}

LossCurve curve_of(const RunRecord& run) {
  std::vector<double> losses;
  for (const StepRecord& step : run.steps) losses.push_back(step.loss);
  return classify_curve(losses);
}

Json summary(const RunRecord& run) {
  Json json = {{"run", run.path}, {"finished", run.finished}, {"steps", 0}};
  if (!run.steps.empty()) {
    json["steps"] = run.steps.back().step;
    json["loss"] = run.steps.back().loss;
  }
  if (!run.evaluations.empty()) json["evaluation"] = to_json(run.evaluations.back());
  return json;
}

std::string evaluation_text(const EvaluationRecord& evaluation) {
  std::string text = evaluation.split;
  for (const auto& [name, value] : evaluation.metrics)
    text += fmt::format(" {} {:.4f}", name, value);
  return text;
}

const std::vector<std::string> summary_titles = {"run", "state", "steps done", "loss",
                                                 "evaluation"};

std::vector<std::string> summary_row(const RunRecord& run) {
  return {run.path, run.finished ? "finished" : "unfinished",
          run.steps.empty() ? "0" : fmt::to_string(run.steps.back().step),
          run.steps.empty() ? "-" : fmt::format("{:.4f}", run.steps.back().loss),
          run.evaluations.empty() ? "-" : evaluation_text(run.evaluations.back())};
}

std::vector<RunRecord> read_runs(const std::vector<std::string>& paths) {
  GRADUS_CHECK(!paths.empty(), "runs: expected at least one run folder");
  std::vector<RunRecord> runs;
  for (const std::string& path : paths) runs.push_back(read_run(path));
  return runs;
}

void write_output(const std::string& path, const std::string& contents) {
  const std::string_view parts[] = {contents};
  write_file_atomically(path, parts);
  fmt::print("{}\n", path);
}

int list(const RunsOptions& options) {
  Json all = Json::array();
  std::vector<std::vector<std::string>> rows = {summary_titles};
  int code = exit_success;
  for (const std::string& path : find_runs(options.root)) try {
      const RunRecord run = read_run(path);
      all.push_back(summary(run));
      rows.push_back(summary_row(run));
    } catch (const Error& error) {  // a damaged run hides no other one
      all.push_back({{"run", path}, {"error", error.what()}});
      rows.push_back({path, "damaged", "-", "-", error.what()});
      code = exit_failure;
    }
  fmt::print("{}", options.json ? json_line(all) + "\n" : to_columns(rows));
  return code;
}

int show(const RunsOptions& options) {
  const RunRecord run = read_run(options.run);
  const Recipe recipe = load_recipe(run_path(run.path, run_file::recipe));
  if (options.json) {
    Json json = summary(run);
    const LossCurve curve = curve_of(run);
    json["curve"] = {{"kind", curve_name(curve.kind)}, {"reason", curve.reason}};
    for (const EvaluationRecord& evaluation : run.evaluations)
      json["evaluations"].push_back(to_json(evaluation));
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  fmt::print("{}\ncurve: {}\n", to_columns({summary_titles, summary_row(run)}),
             curve_of(run).text());
  if (!run.evaluations.empty()) fmt::print("\n");
  for (const EvaluationRecord& evaluation : run.evaluations)
    fmt::print("step {:<8} {}\n", evaluation.step, evaluation_text(evaluation));
  fmt::print("\n{}", recipe.to_toml());
  return exit_success;
}

int tail(const RunsOptions& options) {
  GRADUS_CHECK(options.lines >= 0, "runs tail: --lines, expected at least 0, got {}",
               options.lines);
  const RunRecord run = read_run(options.run);
  const size_t count = std::min(run.steps.size(), static_cast<size_t>(options.lines));
  for (auto step = run.steps.end() - static_cast<std::ptrdiff_t>(count); step != run.steps.end();
       ++step) {
    fmt::print("step {}  loss {:.6f}  lr {:.4g}\n", step->step, step->loss, step->lr);
    for (const EvaluationRecord& evaluation : run.evaluations)
      if (evaluation.step == step->step)
        fmt::print("step {}  {}\n", step->step, evaluation_text(evaluation));
  }
  return exit_success;
}

int plot(const RunsOptions& options) {
  const std::string ending = std::filesystem::path(options.output).extension();
  GRADUS_CHECK(ending.empty() || ending == ".svg",
               "runs plot: --output, expected a name that ends in .svg, got '{}'", options.output);
  const std::vector<RunRecord> runs = read_runs(options.runs);
  const std::string path = !options.output.empty() ? options.output
                           : runs.size() == 1      ? run_path(runs[0].path, "plot.svg")
                                                   : "runs.svg";
  GRADUS_CHECK(options.csv.empty() || runs.size() == 1,
               "runs plot: --csv takes one run, got {}; `gradus runs export` writes each",
               runs.size());
  std::vector<PlotPanel> panels = plot_runs(runs);
  if (runs.size() == 1) panels[0].title += fmt::format(", {}", curve_name(curve_of(runs[0]).kind));
  write_output(path, to_svg(panels));
  if (!options.csv.empty()) write_output(options.csv, to_csv(runs[0]));
  for (const RunRecord& run : runs) fmt::print(stderr, "{}: {}\n", run.path, curve_of(run).text());
  return exit_success;
}

// With `all`, results too; without, only the settings that differ.
int compare(const RunsOptions& options, bool all) {
  const std::vector<RunRecord> runs = read_runs(options.runs);
  std::vector<std::vector<std::string>> rows = differing_settings(runs);
  if (options.json) {
    Json json = Json::object();
    for (size_t r = 0; r < runs.size(); ++r) {
      Json& entry = json[runs[r].path];
      for (const auto& row : rows) entry["settings"][row[0]] = row[r + 1];
      if (all) entry["result"] = summary(runs[r]);
    }
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  std::vector<std::string> header = {"setting"};
  for (const RunRecord& run : runs) header.push_back(run.path);
  rows.insert(rows.begin(), header);
  for (size_t column = 1; all && column < summary_titles.size(); ++column) {
    rows.push_back({summary_titles[column]});
    for (const RunRecord& run : runs) rows.back().push_back(summary_row(run)[column]);
  }
  fmt::print("{}", to_columns(rows));
  return exit_success;
}

// No clock is kept with metrics: a step counts as a second.
std::string tensorboard_file(const RunRecord& run) {
  std::vector<ScalarEvent> events;
  const auto add = [&](std::string tag, int64_t step, double value) {
    events.push_back({std::move(tag), step, static_cast<double>(step), static_cast<float>(value)});
  };
  for (const StepRecord& step : run.steps) {
    add("train/loss", step.step, step.loss);
    add("train/lr", step.step, step.lr);
  }
  for (const EvaluationRecord& evaluation : run.evaluations)
    for (const auto& [metric, value] : evaluation.metrics)
      add(evaluation.split + "/" + metric, evaluation.step, value);
  return event_file(events);
}

int export_run(const RunsOptions& options) {
  GRADUS_CHECK(options.format == "csv" || options.format == "tensorboard",
               "runs export: --format, expected csv or tensorboard, got '{}'", options.format);
  const RunRecord run = read_run(options.run);
  const bool csv = options.format == "csv";
  const std::string path = !options.output.empty() ? options.output
                           : csv                   ? run_path(run.path, "metrics.csv")
                                 : run_path(run.path, "events.out.tfevents.0.gradus");
  write_output(path, csv ? to_csv(run) : tensorboard_file(run));
  return exit_success;
}

using Options = std::shared_ptr<RunsOptions>;

CommandOption run_option(const Options& options) {
  return {"RUN", "The run folder", &options->run, true};
}
CommandOption runs_option(const Options& options) {
  return {"RUNS", "Run folders", &options->runs, true};
}
CommandOption json_option(const Options& options) {
  return {"--json", "Print JSON", &options->json};
}
CommandOption output_option(const Options& options, std::string doc) {
  return {"--output", std::move(doc), &options->output};
}

}  // namespace

Command runs_command() {
  const auto options = std::make_shared<RunsOptions>();
  return {
      .name = "runs",
      .doc = "List, show, compare, draw and export run folders",
      .commands = {
          {.name = "ls",
           .doc = "List the runs in a folder",
           .options = {{"FOLDER", "Where the run folders are", &options->root},
                       json_option(options)},
           .run = [options] { return list(*options); }},
          {.name = "show",
           .doc = "Show a run's state, how its loss goes, evaluations and recipe",
           .options = {run_option(options), json_option(options)},
           .run = [options] { return show(*options); }},
          {.name = "tail",
           .doc = "Show a run's last steps",
           .options = {run_option(options), {"--lines", "How many", &options->lines}},
           .run = [options] { return tail(*options); }},
          {.name = "plot",
           .doc = "Draw loss and metrics as an SVG image, and say how the loss goes",
           .options = {runs_option(options),
                       output_option(options, "The image; RUN/plot.svg, or runs.svg for several"),
                       {"--csv", "A file for the plotted numbers, of one run", &options->csv}},
           .run = [options] { return plot(*options); }},
          {.name = "compare",
           .doc = "Show in which settings runs differ, and their results",
           .options = {runs_option(options), json_option(options)},
           .run = [options] { return compare(*options, true); }},
          {.name = "diff",
           .doc = "Show in which settings runs differ",
           .options = {runs_option(options), json_option(options)},
           .run = [options] { return compare(*options, false); }},
          {.name = "export",
           .doc = "Write a run's metrics as CSV or as a TensorBoard event file",
           .options = {run_option(options),
                       {"--format", "csv or tensorboard", &options->format},
                       output_option(options, "The file; without it one in the run folder")},
           .run = [options] { return export_run(*options); }},
      }};
}

}  // namespace gradus
