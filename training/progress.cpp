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

double number_of(const Json& json, const char* key, std::string_view source) {
  const Json& value = json.at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    failf(ErrorKind::bad_data, source, "'{}', expected a number, got {}", key, value.dump());
  return value.get<double>();
}

// JSON has no number for what a validation may give where the model is lost.
double score_of(const Json& json, const std::string& key, std::string_view source) {
  return json.at(key).is_null() ? std::nan("") : number_of(json, key.c_str(), source);
}

}  // namespace

std::string to_json(const Progress& progress) {
  Json score;
  for (const auto& [name, value] : metrics_of(progress.validation))
    score[std::string(name)] = value;
  score["samples"] = progress.validation.samples;
  const Json json = {
      {"step", progress.position.step},
      {"micro_step", progress.position.micro_step},
      {"micro_steps", progress.micro_steps},
      {"samples", progress.samples},
      {"loss_sum", progress.loss_sum},
      {"loss", progress.loss},
      {"validated", progress.validated},
      {"validation", score},
      {"parts", progress.parts},
      {"metrics_bytes", progress.metrics_bytes},
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
    progress.loss_sum = score_of(json, "loss_sum", source);
    progress.loss = score_of(json, "loss", source);
    progress.validated = count_of(json, "validated", source);
    progress.validation.samples = count_of(score, "samples", source);
    progress.validation.numbers = score.contains("r2");
    for (const auto& [name, value] : metrics_of(progress.validation))
      set_metric(progress.validation, name, score_of(score, std::string(name), source));
    for (const auto& [name, numbers] : json.at("parts").items())
      for (const Json& number : numbers) progress.parts[name].push_back(number.get<double>());
    progress.metrics_bytes = count_of(json, "metrics_bytes", source);
    return progress;
  } catch (const nlohmann::json::exception& error) {
    failf(ErrorKind::bad_data, source, "not the progress of a run: {}", error.what());
  }
}

}  // namespace gradus
