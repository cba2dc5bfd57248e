// SPDX-License-Identifier: Apache-2.0
#include "training/checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/input_file.h"
#include "engine/io/output_file.h"
#include "engine/io/sealed_folder.h"
#include "engine/tensor/finite.h"
#include "training/not_finite_hint.h"
#include "training/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view name_start = "step-", micro_start = "-micro-";
constexpr int64_t largest_progress = 1 << 20;
constexpr std::array<std::string_view, 2> file_names = {checkpoint_file::states,
                                                        checkpoint_file::progress};

std::string below(const std::string& folder, std::string_view name) {
  return (fs::path(folder) / name).string();
}

bool take_number(std::string_view& text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

void make_folder(const std::string& folder) {
  std::error_code error;
  if (fs::create_directory(folder, error))
    flush_folder(fs::path(folder).parent_path().string());
  else if (error)
    failf(ErrorKind::io, folder, "cannot make the folder: {}", error.message());
}

// Gradients being added up may be lost: a guard leaves out the update that they would give.
void check_finite(const NamedTensors& states, const Progress& progress) {
  for (const auto& [name, tensor] : states)
    if (!name.starts_with(running_sum_prefix) && !all_finite(tensor))
      failf(ErrorKind::not_finite, "train",
            "'{}' is not finite after step {}, so that no checkpoint was written; {}", name,
            progress.position.step, not_finite_hint(progress.position.step > 1));
}

// What a disk or a dying process can do to a checkpoint; other errors are the caller's.
bool is_damage(ErrorKind kind) {
  return kind == ErrorKind::bad_data || kind == ErrorKind::not_found || kind == ErrorKind::io;
}

// All that `states` has, each of which the file must hold as it is, under its own name or that of
// its average; none is set before all are seen.
void load_states(const SafetensorsFile& file, const std::string& path, StateStore& states,
                 WeightsChoice choice) {
  for (const auto& [name, state] : states.all()) {
    const auto found = file.entries().find(chosen_name(file.entries(), name, choice));
    if (found == file.entries().end())
      failf(ErrorKind::bad_data, path, "the state '{}' of the recipe's model is missing", name);
    const SafetensorsEntry& entry = found->second;
    if (entry.dtype != state.dtype() || !std::ranges::equal(entry.sizes, state.shape().sizes()))
      failf(ErrorKind::bad_data, path, "the state '{}', expected {} {}, got {} [{}]", name,
            dtype_name(state.dtype()), to_string(state.shape()), entry.format_dtype,
            fmt::join(entry.sizes, ", "));
  }
  for (const auto& [name, state] : states.all())
    file.read_into(chosen_name(file.entries(), name, choice), state);
}

}  // namespace

std::string checkpoint_name(Position position) {
  const std::string name = fmt::format("{}{:08}", name_start, position.step);
  return position.micro_step == 0 ? name
                                  : fmt::format("{}{}{}", name, micro_start, position.micro_step);
}

std::optional<Position> parse_checkpoint_name(std::string_view name) {
  Position position;
  std::string_view rest = name;
  if (!rest.starts_with(name_start)) return {};
  rest.remove_prefix(name_start.size());
  if (!take_number(rest, position.step)) return {};
  if (rest.starts_with(micro_start)) {
    rest.remove_prefix(micro_start.size());
    if (!take_number(rest, position.micro_step)) return {};
  }
  if (checkpoint_name(position) != name) return {};
  return position;
}

void write_checkpoint(const std::string& folder, const NamedTensors& states,
                      const Progress& progress) {
  const std::string path = below(folder, checkpoint_name(progress.position));
  const SafetensorsImage image(path, states);
  const std::string json = to_json(progress);
  check_finite(states, progress);
  make_folder(folder);
  const std::array<FileContents, 2> files = {
      FileContents{std::string(checkpoint_file::states), image.parts()},
      FileContents{std::string(checkpoint_file::progress), {json}}};
  write_sealed_folder(path, files);
}

void drop_oldest_checkpoints(const std::string& folder, int64_t keep,
                             std::span<const int64_t> besides) {
  const std::vector<Position> positions = list_checkpoints(folder);
  for (size_t i = positions.size(); static_cast<int64_t>(i) > keep; --i) {
    const Position at = positions[i - 1];
    if (at.micro_step == 0 && std::ranges::find(besides, at.step) != besides.end()) continue;
    drop_sealed_folder(below(folder, checkpoint_name(at)));
  }
}

std::vector<Position> list_checkpoints(const std::string& folder) {
  std::vector<Position> positions;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (const auto position = parse_checkpoint_name(entry->path().filename().string()))
      positions.push_back(*position);
  if (error && error != std::errc::no_such_file_or_directory)
    failf(ErrorKind::io, folder, "cannot read the folder: {}", error.message());
  std::ranges::sort(positions, std::greater<>());
  return positions;
}

Progress check_checkpoint(const std::string& path) {
  check_sealed_folder(path, file_names);
  const std::string file_path = below(path, checkpoint_file::progress);
  const InputFile file(file_path);
  if (file.bytes() > largest_progress)
    failf(ErrorKind::bad_data, file_path, "{} bytes are too many", file.bytes());
  std::string text(static_cast<size_t>(file.bytes()), '\0');
  file.read(0, text.size(), text.data());
  const Progress progress = parse_progress(text, file_path);
  if (checkpoint_name(progress.position) != fs::path(path).filename().string())
    failf(ErrorKind::bad_data, file_path, "this is the progress of {}",
          checkpoint_name(progress.position));
  return progress;
}

void load_checkpoint(const std::string& path, StateStore& states) {
  const SafetensorsFile file(below(path, checkpoint_file::states));
  for (const auto& [name, entry] : file.entries())
    if (!states.contains(name))
      failf(ErrorKind::bad_data, path, "the state '{}' does not belong to the recipe's model",
            name);
  load_states(file, path, states, WeightsChoice::raw);
}

void load_checkpoint_weights(const std::string& path, StateStore& states, WeightsChoice choice) {
  const SafetensorsFile file(below(path, checkpoint_file::states));
  check_choice(file.entries(), choice, path);
  load_states(file, path, states, choice);
}

std::optional<FoundCheckpoint> find_checkpoint(const std::string& folder,
                                               std::vector<std::string>& skipped) {
  for (const Position position : list_checkpoints(folder)) {
    const std::string name = checkpoint_name(position), path = below(folder, name);
    try {
      return FoundCheckpoint{path, check_checkpoint(path)};
    } catch (const Error& error) {
      if (!is_damage(error.kind())) throw;
      skipped.push_back(fmt::format("{}: {}", name, error.what()));
    }
    // Its name will be needed again.
    const std::string aside = below(folder, "bad-" + name);
    std::error_code ignored;
    fs::remove_all(aside, ignored);
    if (std::rename(path.c_str(), aside.c_str()) != 0)
      failf(ErrorKind::io, path, "damaged, and cannot be renamed: {}", std::strerror(errno));
  }
  return {};
}

}  // namespace gradus
