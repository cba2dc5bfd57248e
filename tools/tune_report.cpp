// SPDX-License-Identifier: Apache-2.0
#include "tools/tune_report.h"

#include <cmath>

#include <fmt/format.h>

#include "tools/run_table.h"
#include "training/tune/json_line.h"

namespace gradus {
namespace {

std::string settings_text(const Trial& trial) {
  return fmt::format("{}", fmt::join(trial.settings, " "));
}

std::string shell_word(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=.,:/+-@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string state_text(const Trial& trial) {
  return trial.has_ended() ? std::string(trial_state_name(trial.state)) : "unfinished";
}

std::string settings_json(const Trial& trial) {
  std::string text;
  for (const std::string& setting : trial.settings) {
    const size_t equals = setting.find('=');
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_text(setting.substr(0, equals)),
                        json_text(setting.substr(equals + 1)));
  }
  return "{" + text + "}";
}

std::string trial_json(const Trial& trial, const std::string& run) {
  return fmt::format(
      R"({{"trial":{},"state":"{}","value":{},"steps":{},"validations":{},"settings":{},"run":{},"message":{}}})",
      trial.number, state_text(trial), trial.has_ended() ? json_number(trial.value) : "null",
      trial.steps, json_list(trial.validations), settings_json(trial), json_text(run),
      json_text(trial.message));
}

std::string run_of(const SearchReport& report, const Trial& trial) {
  return fmt::format("{}/trial-{:04}", report.folder, trial.number);
}

}  // namespace

std::string shell_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

SearchReport search_report(const SearchPlan& plan, const TrialStore& store,
                           const std::string& recipe) {
  SearchReport report{store.folder(), plan.metric, ranked(store.read(), plan.metric), ""};
  if (report.trials.empty()) return report;
  const Trial& best = report.trials[0];
  if (best.state != TrialState::finished || std::isnan(best.value)) return report;
  std::vector<std::string> words = {"gradus", "train", recipe};
  words.insert(words.end(), plan.overrides.begin(), plan.overrides.end());
  words.insert(words.end(), best.settings.begin(), best.settings.end());
  report.again = shell_words(words);
  return report;
}

std::string to_text(const SearchReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"trial", "state", report.metric.name, "steps", "settings"}};
  std::string messages;
  for (const Trial& trial : report.trials) {
    const bool has_value = trial.has_ended() && !std::isnan(trial.value);
    rows.push_back({fmt::to_string(trial.number), state_text(trial),
                    has_value ? fmt::format("{:.6g}", trial.value) : "-",
                    fmt::to_string(trial.steps), settings_text(trial)});
    if (trial.state == TrialState::failed)
      messages += fmt::format("trial {} failed: {}\n", trial.number, trial.message);
  }
  std::string text = to_columns(rows) + messages;
  if (!report.has_best()) return text + "no trial was trained to its end\n";
  const Trial& best = report.trials[0];
  return text + fmt::format("best: trial {}, {} {:.6g}, {}\nagain: {}\n", best.number,
                            report.metric.name, best.value, run_of(report, best), report.again);
}

std::string to_json(const SearchReport& report) {
  std::string trials;
  for (const Trial& trial : report.trials)
    trials += (trials.empty() ? "" : ",") + trial_json(trial, run_of(report, trial));
  const std::string best = report.has_best() ? fmt::to_string(report.trials[0].number) : "null";
  return fmt::format(R"({{"search":{},"metric":{},"best":{},"command":{},"trials":[{}]}})",
                     json_text(report.folder), json_text(report.metric.name), best,
                     report.has_best() ? json_text(report.again) : "null", trials);
}

}  // namespace gradus
