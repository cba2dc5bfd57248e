// SPDX-License-Identifier: Apache-2.0
// `gradus cp`: copies tensors into a .safetensors file: from runs, checkpoints and other formats,
// all or some of them, with other names or another dtype.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/tensors_hash.h"
#include "engine/tensor/finite.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/tensor_files.h"
#include "training/recipe_text.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct CpOptions {
  std::string from, to, select, rename, dtype;
  bool force = false;
  bool json = false;
};

// FROM=TO: a beginning of names, and what stands in its place.
struct Renaming {
  std::string from, to;
};

Renaming parse_renaming(const std::string& text) {
  const size_t equals = text.find('=');
  GRADUS_CHECK(text.empty() || equals != std::string::npos,
               "[cp] --rename, expected FROM=TO, got '{}'", text);
  return text.empty() ? Renaming{} : Renaming{text.substr(0, equals), text.substr(equals + 1)};
}

DType parse_target(const std::string& name) {
  const std::optional<DType> dtype = parse_dtype(name);
  GRADUS_CHECK(dtype && is_floating(*dtype),
               "[cp] --dtype, expected f64, f32, f16 or bf16, got '{}'", name);
  return *dtype;
}

// Floats in another dtype; integers stay. A number that would become infinite is refused.
Tensor converted(const Tensor& tensor, const std::string& name, const std::string& dtype) {
  if (dtype.empty() || !is_floating(tensor.dtype())) return tensor;
  const Tensor result = tensor.cast(parse_target(dtype));
  GRADUS_CHECK(!all_finite(tensor) || all_finite(result),
               "[cp] '{}' holds numbers that are too large for {}", name, dtype);
  return result;
}

NamedTensors prepared_tensors(const NamedTensors& tensors, const CpOptions& options) {
  const Renaming renaming = parse_renaming(options.rename);
  const auto is_renamed = [&](const auto& entry) { return entry.first.starts_with(renaming.from); };
  if (std::ranges::none_of(tensors, is_renamed))
    failf(ErrorKind::not_found, options.from, "holds no name that begins with '{}' (--rename)",
          renaming.from);
  NamedTensors result;
  for (const auto& [name, tensor] : tensors) {
    std::string wanted = name;
    if (!options.rename.empty() && name.starts_with(renaming.from))
      wanted = renaming.to + name.substr(renaming.from.size());
    GRADUS_CHECK(!wanted.empty(), "[cp] --rename leaves '{}' without a name", name);
    const bool added = result.emplace(wanted, converted(tensor, name, options.dtype)).second;
    GRADUS_CHECK(added, "[cp] --rename gives two tensors the name '{}'", wanted);
  }
  return result;
}

void check_target(const CpOptions& options) {
  GRADUS_CHECK(options.to.ends_with(".safetensors"),
               "[cp] {}: expected a file name that ends in .safetensors", options.to);
  std::error_code ignored;
  GRADUS_CHECK(options.force || !fs::exists(fs::symlink_status(options.to, ignored)),
               "[cp] {} exists; --force replaces it", options.to);
  GRADUS_CHECK(!fs::is_directory(options.to, ignored), "[cp] {} is a folder", options.to);
  if (!options.dtype.empty()) parse_target(options.dtype);
}

int run_cp(const CpOptions& options) {
  check_target(options);
  const Safetensors source = load_tensors(options.from, split_texts(options.select));
  if (source.tensors.empty())
    failf(ErrorKind::not_found, options.from, "holds no tensors{}",
          options.select.empty() ? "" : fmt::format(" that fit '{}'", options.select));
  const NamedTensors tensors = prepared_tensors(source.tensors, options);
  Metadata metadata = source.metadata;
  metadata.erase(std::string(tensors_hash_key));
  save_hashed_safetensors(options.to, tensors, metadata);
  check_tensors_hash(load_safetensors(options.to), options.to, true);  // as the disk has it
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.bytes();
  if (options.json)
    fmt::print("{}\n", json_line({{"from", options.from},
                                  {"to", options.to},
                                  {"tensors", tensors.size()},
                                  {"bytes", bytes},
                                  {"xxh3_128", tensors_hash(tensors)}}));
  else
    fmt::print("{}: {} tensors, {} bytes\n", options.to, tensors.size(), bytes);
  return exit_success;
}

}  // namespace

Command cp_command() {
  const auto options = std::make_shared<CpOptions>();
  return {.name = "cp",
          .doc = "Copy tensors of a run, a checkpoint or a file into a .safetensors file",
          .options = {{"FROM", "A run, a checkpoint, a .safetensors, .npz, .npy or token file",
                       &options->from, true},
                      {"TO", "The .safetensors file to write", &options->to, true},
                      {"--select", "Patterns of names, with commas between: 'fc1.*,*.bias'",
                       &options->select},
                      {"--rename", "FROM=TO: names that begin with FROM begin with TO instead",
                       &options->rename},
                      {"--dtype", "f64, f32, f16 or bf16: what floating numbers become",
                       &options->dtype},
                      {"--force", "Replace a file that exists", &options->force},
                      {"--json", "Print the result as one JSON object", &options->json}},
          .run = [options] { return run_cp(*options); }};
}

}  // namespace gradus
