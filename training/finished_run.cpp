// SPDX-License-Identifier: Apache-2.0
#include "training/finished_run.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/input_file.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

// The last step and its validation stand in there.
constexpr int64_t tail_bytes = 1 << 16;

std::string tail_of(const std::string& path) {
  const InputFile file(path);
  const int64_t begin = std::max<int64_t>(0, file.bytes() - tail_bytes);
  std::string text(static_cast<size_t>(file.bytes() - begin), '\0');
  file.read(begin, text.size(), text.data());
  return text;
}

void read_line(const std::string& line, TrainingResult& result) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) return;
  if (json.contains("loss")) {
    result.steps = json["step"].get<int64_t>();
    result.loss = json["loss"].is_number() ? json["loss"].get<double>() : std::nan("");
  }
  if (!json.contains("metrics") || !json["metrics"].is_object()) return;
  const Json& metrics = json["metrics"];
  result.validated = true;
  for (const auto& [name, value] : metrics.items())
    if (value.is_number()) set_metric(result.validation, name, value.get<double>());
}

}  // namespace

TrainingResult read_finished_run(const std::string& run) {
  TrainingResult result;
  result.end = TrainingEnd::finished_already;
  try {
    const std::string text = tail_of(run_path(run, run_file::metrics));
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
      read_line(text.substr(begin, end - begin), result);
  } catch (const Error&) {
    // The weights are what counts; a run without metrics is finished as well.
  }
  return result;
}

}  // namespace gradus
