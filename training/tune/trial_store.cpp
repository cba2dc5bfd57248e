// SPDX-License-Identifier: Apache-2.0
#include "training/tune/trial_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "engine/io/output_file.h"
#include "training/metrics_log.h"
#include "training/recipe_difference.h"
#include "training/recipe_text.h"
#include "training/run_folder.h"
#include "training/toml_reader.h"
#include "training/tune/json_line.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<TrialState, std::string_view> state_names[] = {
    {TrialState::begun, "begun"},
    {TrialState::finished, "finished"},
    {TrialState::pruned, "pruned"},
    {TrialState::failed, "failed"}};

TrialState state_named(const std::string& name, const std::string& where) {
  for (const auto& [state, known] : state_names)
    if (known == name) return state;
  failf(ErrorKind::bad_data, where, "unknown state '{}' of a trial", name);
}

std::string begun_line(const Trial& trial) {
  return fmt::format(R"({{"trial":{},"state":"begun","settings":{},"point":{}}})", trial.number,
                     json_list(trial.settings), json_list(trial.point));
}

std::string ended_line(const Trial& trial) {
  return fmt::format(
      R"({{"trial":{},"state":"{}","value":{},"steps":{},"validations":{},"message":{}}})",
      trial.number, trial_state_name(trial.state), json_number(trial.value), trial.steps,
      json_list(trial.validations), json_text(trial.message));
}

void add_line(std::vector<Trial>& trials, const std::string& text, const std::string& where) {
  const JsonLine line(text, where);
  const int64_t number = line.count("trial");
  const TrialState state = state_named(line.text("state"), where);
  const auto count = static_cast<int64_t>(trials.size());
  if (state == TrialState::begun) {
    if (number != count)
      failf(ErrorKind::bad_data, where, "trial {} begins after {} others", number, count);
    trials.push_back(
        {.number = number, .point = line.numbers("point"), .settings = line.texts("settings")});
    return;
  }
  if (number >= count || trials[static_cast<size_t>(number)].has_ended())
    failf(ErrorKind::bad_data, where, "trial {} ends without having begun, or twice", number);
  Trial& trial = trials[static_cast<size_t>(number)];
  trial.state = state;
  trial.value = line.number("value");
  trial.steps = line.count("steps");
  trial.validations = line.numbers("validations");
  trial.message = line.text("message");
}

// A name that a person gave may have dots; the file's keys have a table for them.
std::string facts_toml(const SearchFacts& facts) {
  const RecipeKey text_key{"", AttrType::text, "", ""};
  std::string toml;
  for (const auto& [name, value] : facts)
    toml += fmt::format("\"{}\" = {}\n", name, toml_value(text_key, KeyValue(value)));
  return toml;
}

void check_facts(const std::string& path, const SearchFacts& facts) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  SearchFacts known;
  for (const TomlEntry& entry : read_toml(text, path))
    if (const auto* value = entry.value.as<std::string>()) known.emplace_back(entry.key, *value);
  const auto find = [](const SearchFacts& in, const std::string& name) -> std::string {
    const auto found = std::ranges::find(in, name, &SearchFacts::value_type::first);
    return found == in.end() ? "none" : found->second;
  };
  std::string differences;
  const auto compare = [&](const std::string& name) {
    const std::string before = find(known, name), now = find(facts, name);
    if (before != now)
      differences += fmt::format("{}{} is {} in the search and {} in this command",
                                 differences.empty() ? "" : "; ", name, before, now);
  };
  for (const auto& [name, value] : known) compare(name);
  for (const auto& [name, value] : facts)
    if (find(known, name) == "none") compare(name);
  GRADUS_CHECK(differences.empty(),
               "[{}] this search was begun differently: {}; choose another --run DIR",
               fs::path(path).parent_path().string(), differences);
}

bool holds_other_things(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (const std::string name = entry->path().filename().string();
        name != search_file::lock && !name.ends_with(".tmp"))
      return true;
  if (error) failf(ErrorKind::io, folder, "cannot read the folder: {}", error.message());
  return false;
}

void make_folder(const std::string& folder) {
  GRADUS_CHECK(!folder.empty(), "--run, expected the path of a folder");
  std::error_code error;
  GRADUS_CHECK(!fs::exists(folder, error) || fs::is_directory(folder, error),
               "[{}] exists already and is not a folder; choose another --run DIR", folder);
  fs::create_directories(folder, error);
  if (error) failf(ErrorKind::io, folder, "cannot make the folder: {}", error.message());
}

void write_whole(const std::string& path, const std::string& text) {
  const std::string_view parts[] = {text};
  write_file_atomically(path, parts);
}

}  // namespace

std::string_view trial_state_name(TrialState state) {
  return state_names[static_cast<size_t>(state)].second;
}

TrialStore::TrialStore(std::string folder, const SearchFacts& facts, const Recipe& base)
    : folder_(std::move(folder)) {
  make_folder(folder_);
  const std::unique_ptr<FileLock> lock = locked();
  const std::string search = run_path(folder_, search_file::search);
  const std::string recipe = run_path(folder_, search_file::base);
  std::error_code ignored;
  if (fs::exists(search, ignored)) {
    check_facts(search, facts);
    const std::vector<RecipeDifference> differences = recipe_differences(load_recipe(recipe), base);
    GRADUS_CHECK(differences.empty(),
                 "[{}] this search was begun with another recipe: {}; choose another --run DIR",
                 folder_, to_string(differences));
    return;
  }
  // base.toml alone is what a process leaves that was killed between the two.
  if (!fs::exists(recipe, ignored) || fs::exists(run_path(folder_, search_file::trials), ignored))
    GRADUS_CHECK(!holds_other_things(folder_),
                 "[{}] is not empty and not the folder of a search (it has no {}); choose another "
                 "--run DIR",
                 folder_, search_file::search);
  write_whole(recipe, base.to_toml());
  write_whole(search, facts_toml(facts));
}

std::string TrialStore::run_of(int64_t trial) const {
  return run_path(folder_, fmt::format("trial-{:04}", trial));
}

// Others hold it for as long as it takes to read, propose and write.
std::unique_ptr<FileLock> TrialStore::locked() const {
  constexpr auto patience = std::chrono::minutes(2);
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    try {
      return std::make_unique<FileLock>(run_path(folder_, search_file::lock));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_argument ||
          std::chrono::steady_clock::now() - begin > patience)
        throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::vector<Trial> TrialStore::read() const {
  const std::string path = run_path(folder_, search_file::trials);
  std::ifstream file(path, std::ios::binary);
  std::vector<Trial> trials;
  std::string line;
  for (int64_t number = 1; std::getline(file, line); ++number) {
    if (file.eof()) break;  // half a line
    add_line(trials, line, fmt::format("{}:{}", path, number));
  }
  return trials;
}

void TrialStore::append(const std::string& line) {
  const std::string path = run_path(folder_, search_file::trials);
  std::error_code ignored;
  const bool is_there = fs::exists(path, ignored);
  const auto bytes = is_there ? static_cast<int64_t>(fs::file_size(path, ignored)) : 0;
  MetricsLog log(path, bytes);  // cuts half a line off
  log.add(line);
  log.flush();
  if (!is_there) flush_folder(folder_);
}

std::optional<TrialStore::Claim> TrialStore::claim(const Propose& propose) {
  const std::unique_ptr<FileLock> lock = locked();
  const std::vector<Trial> trials = read();
  const auto try_lock = [&](int64_t number) -> std::unique_ptr<FileLock> {
    try {
      return std::make_unique<FileLock>(run_of(number) + ".lock");
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_argument) throw;
      return nullptr;
    }
  };
  for (const Trial& trial : trials) {
    if (trial.has_ended()) continue;
    if (std::unique_ptr<FileLock> own = try_lock(trial.number)) return Claim{trial, std::move(own)};
  }
  std::optional<Trial> next = propose(trials);
  if (!next) return {};
  next->number = static_cast<int64_t>(trials.size());
  std::unique_ptr<FileLock> own = try_lock(next->number);
  if (!own) failf(ErrorKind::internal, run_of(next->number), "a trial that nobody began is locked");
  append(begun_line(*next));
  return Claim{*std::move(next), std::move(own)};
}

void TrialStore::end(const Trial& trial) {
  const std::unique_ptr<FileLock> lock = locked();
  append(ended_line(trial));
}

}  // namespace gradus
