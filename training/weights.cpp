// SPDX-License-Identifier: Apache-2.0
#include "training/weights.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/tensors_hash.h"
#include "training/averages.h"
#include "training/checkpoint.h"
#include "training/name_pattern.h"
#include "training/run_folder.h"

namespace gradus {

NamedTensors model_tensors(const ParameterTable& parameters, const StateStore& states) {
  NamedTensors tensors;
  for (const Parameter& parameter : parameters.all())
    if (parameter.role != ParameterRole::optimizer)
      tensors[parameter.name] = states.get(parameter.name);
  return tensors;
}

namespace {

bool is_model(const Parameter& parameter) {
  return parameter.role == ParameterRole::weight || parameter.role == ParameterRole::buffer;
}

TensorSpec spec_of(const Tensor& tensor) { return {tensor.dtype(), tensor.shape()}; }

const std::string average_prefix = average_name("");
constexpr std::string_view memory_prefix = "optimizer.";  // of what an update rule keeps

// The file with the weights of a finished run, of a checkpoint, or the file itself.
std::string weights_at(const std::string& path) {
  std::error_code ignored;
  std::string file = path;
  if (std::filesystem::is_directory(path, ignored)) {
    const bool is_checkpoint =
        std::filesystem::exists(run_path(path, checkpoint_file::states), ignored);
    if (is_checkpoint) check_checkpoint(path);
    file = run_path(path, is_checkpoint ? checkpoint_file::states : run_file::weights);
  }
  if (!std::filesystem::is_regular_file(file, ignored))
    failf(ErrorKind::not_found, path,
          "[init.from] expected a finished run, a checkpoint or a .safetensors file");
  return file;
}

// The first names of a list, in a message.
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t most = 5;
  const size_t shown = std::min(names.size(), most);
  const std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  return shown == names.size() ? text : fmt::format("{}, and {} more", text, names.size() - shown);
}

}  // namespace

void load_weights(const std::string& path, const ParameterTable& parameters, StateStore& states,
                  WeightsChoice choice) {
  const Safetensors file = load_safetensors(path);
  check_tensors_hash(file, path, false);
  check_choice(file.tensors, choice, path);
  for (const Parameter& parameter : parameters.all()) {
    if (!is_model(parameter)) continue;
    const auto found = file.tensors.find(chosen_name(file.tensors, parameter.name, choice));
    if (found == file.tensors.end())
      failf(ErrorKind::bad_data, path, "the tensor '{}' is missing", parameter.name);
    if (spec_of(found->second) != parameter.spec)
      failf(ErrorKind::bad_data, path, "the tensor '{}', expected {}, got {}", found->first,
            to_string(parameter.spec), to_string(spec_of(found->second)));
    states.set(parameter.name, found->second);
  }
  for (const auto& [name, tensor] : file.tensors)
    if (parameters.find(name.starts_with(average_prefix) ? name.substr(average_prefix.size())
                                                         : name) == nullptr)
      failf(ErrorKind::bad_data, path, "the tensor '{}' does not belong to the recipe's model",
            name);
}

void restore_weights(const std::string& path, const ParameterTable& parameters,
                     StateStore& states) {
  const SafetensorsFile file(path);
  check_tensors_hash(file, path, true);
  for (const Parameter& parameter : parameters.all()) {
    if (parameter.role == ParameterRole::optimizer) continue;
    if (!file.entries().contains(parameter.name))
      failf(ErrorKind::bad_data, path, "the tensor '{}' is missing", parameter.name);
    file.read_into(parameter.name, states.get(parameter.name));
  }
}

void start_from(const std::string& run_or_file, std::span<const std::string> skip,
                const ParameterTable& parameters, StateStore& states) {
  const std::string path = weights_at(run_or_file);
  const SafetensorsFile file(path);
  check_tensors_hash(file, path, false);
  std::vector<std::string> missing, strange, unlike;
  for (const auto& [name, entry] : file.entries()) {
    if (name.starts_with(average_prefix) || name.starts_with(memory_prefix) ||
        matches_any(skip, name))
      continue;
    const Parameter* parameter = parameters.find(name);
    if (parameter == nullptr || !is_model(*parameter))
      strange.push_back(name);
    else if (entry.dtype != parameter->spec.dtype ||
             !std::ranges::equal(entry.sizes, parameter->spec.shape.sizes()))
      unlike.push_back(fmt::format("'{}' (the model's {}, the file's {} [{}])", name,
                                   to_string(parameter->spec), entry.format_dtype,
                                   fmt::join(entry.sizes, ", ")));
  }
  for (const Parameter& parameter : parameters.all())
    if (is_model(parameter) && !matches_any(skip, parameter.name) &&
        !file.entries().contains(parameter.name))
      missing.push_back(parameter.name);
  std::string problems;
  const auto add = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) problems += fmt::format("; {}: {}", what, some_of(names));
  };
  add("not in the file", missing);
  add("not in the model", strange);
  add("unlike the model's", unlike);
  if (!problems.empty())
    failf(ErrorKind::bad_data, path,
          "does not fit the recipe's model{}; init.skip = [\"PATTERN\"] "
          "leaves tensors out",
          problems);
  bool any = false;
  for (const Parameter& parameter : parameters.all()) {
    if (!is_model(parameter) || matches_any(skip, parameter.name)) continue;
    file.read_into(parameter.name, states.get(parameter.name));
    any = true;
  }
  GRADUS_CHECK(any, "[init.skip] leaves out every tensor of {}", path);
}

}  // namespace gradus
