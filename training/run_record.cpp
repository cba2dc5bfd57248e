// SPDX-License-Identifier: Apache-2.0
#include "training/run_record.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// A number, or NaN, which JSON writes as null.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

void add_line(RunRecord& record, const std::string& line) {
  const Json json = Json::parse(line);
  const auto step = json.at("step").get<int64_t>();
  if (!json.contains("split")) {
    record.steps.push_back({step, number(json.at("loss")), number(json.value("lr", Json(0.0)))});
    return;
  }
  EvaluationRecord evaluation{step, json.at("split").get<std::string>(), {}};
  for (const auto& [name, value] : json.at("metrics").items())
    evaluation.metrics[name] = number(value);
  record.evaluations.push_back(std::move(evaluation));
}

}  // namespace

const EvaluationRecord* RunRecord::last(std::string_view split) const {
  for (auto at = evaluations.rbegin(); at != evaluations.rend(); ++at)
    if (at->split == split) return &*at;
  return nullptr;
}

RunRecord read_run(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(run_path(path, run_file::recipe), ignored))
    failf(ErrorKind::not_found, path, "not a run folder: it has no {}", run_file::recipe);
  RunRecord record;
  record.path = path;
  record.finished = fs::exists(run_path(path, run_file::weights), ignored);
  const std::string file = run_path(path, run_file::metrics);
  std::ifstream in(file, std::ios::binary);
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    const bool torn = in.eof();  // no line break after it
    try {
      add_line(record, line);
    } catch (const Json::exception&) {
      if (torn) break;
      failf(ErrorKind::bad_data, fmt::format("{}:{}", file, number),
            "expected a record of a step or an evaluation");
    }
  }
  return record;
}

std::vector<std::string> find_runs(const std::string& root) {
  std::error_code error;
  fs::directory_iterator entries(root, error);
  if (error) failf(ErrorKind::not_found, root, "no such folder of runs");
  std::vector<std::string> runs;
  for (const fs::directory_entry& entry : entries)
    if (fs::is_regular_file(entry.path() / run_file::recipe, error))
      runs.push_back(entry.path().string());
  std::ranges::sort(runs);
  return runs;
}

}  // namespace gradus
