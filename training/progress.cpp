// SPDX-License-Identifier: Apache-2.0
#include "training/progress.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

int64_t count_of(const Json& json, const char* key, std::string_view source) {
  const Json& value = json.at(key);
  // What is beyond int64 wraps to a negative number.
  if (!value.is_number_integer() || value.get<int64_t>() < 0)
    failf(ErrorKind::bad_data, source, "'{}', expected a count, got {}", key, value.dump());
  return value.get<int64_t>();
}

// JSON has no numbers for what is not finite, which a loss or a score may be.
Json json_of(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return number;
}

double number_of(const Json& value, std::string_view name, std::string_view source) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::nan("");
  if (value == "inf" || value == "-inf") return value == "inf" ? HUGE_VAL : -HUGE_VAL;
  failf(ErrorKind::bad_data, source, "'{}', expected a number, got {}", name, value.dump());
}

Json json_of(const ProgressFields& fields) {
  Json json = Json::object();
  for (const auto& [name, numbers] : fields) {
    json[name] = Json::array();
    for (const double number : numbers) json[name].push_back(json_of(number));
  }
  return json;
}

ProgressFields fields_of(const Json& json, std::string_view source) {
  ProgressFields fields;
  for (const auto& [name, numbers] : json.items()) {
    std::vector<double>& list = fields[name];  // there even where it is empty
    for (const Json& number : numbers) list.push_back(number_of(number, name, source));
  }
  return fields;
}

}  // namespace

std::string to_json(const Progress& progress) {
  Json score;
  for (const auto& [name, value] : metrics_of(progress.validation))
    score[std::string(name)] = json_of(value);
  score["samples"] = progress.validation.samples;
  const Json json = {
      {"step", progress.position.step},      {"micro_step", progress.position.micro_step},
      {"micro_steps", progress.micro_steps}, {"samples", progress.samples},
      {"loss", json_of(progress.loss)},      {"seconds", progress.seconds},
      {"validated", progress.validated},     {"validation", score},
      {"parts", json_of(progress.parts)},    {"metrics_bytes", progress.metrics_bytes},
  };
  return json.dump(2) + "\n";
}

Progress parse_progress(const std::string& text, std::string_view source) {
  try {
    const Json json = Json::parse(text);
    const Json& score = json.at("validation");
    Progress progress;
    progress.position.step = count_of(json, "step", source);
    progress.position.micro_step = count_of(json, "micro_step", source);
    progress.micro_steps = count_of(json, "micro_steps", source);
    progress.samples = count_of(json, "samples", source);
    progress.loss = number_of(json.at("loss"), "loss", source);
    progress.seconds = number_of(json.at("seconds"), "seconds", source);
    if (!(progress.seconds >= 0) || std::isinf(progress.seconds))
      failf(ErrorKind::bad_data, source, "'seconds', expected a time, got {}", progress.seconds);
    progress.validated = count_of(json, "validated", source);
    progress.validation.samples = count_of(score, "samples", source);
    progress.validation.numbers = score.contains("r2");
    progress.validation.labels = score.contains("f1_micro");
    for (const auto& [name, value] : metrics_of(progress.validation))
      set_metric(progress.validation, name, number_of(score.at(std::string(name)), name, source));
    progress.parts = fields_of(json.at("parts"), source);
    progress.metrics_bytes = count_of(json, "metrics_bytes", source);
    return progress;
  } catch (const nlohmann::json::exception& error) {
    failf(ErrorKind::bad_data, source, "not the progress of a run: {}", error.what());
  }
}

}  // namespace gradus
