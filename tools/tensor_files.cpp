// SPDX-License-Identifier: Apache-2.0
#include "tools/tensor_files.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "data/npy.h"
#include "data/token_shard.h"
#include "engine/base/error.h"
#include "engine/io/input_file.h"
#include "engine/io/sealed_folder.h"
#include "engine/io/sealed_manifest.h"
#include "engine/io/tensors_hash.h"
#include "training/checkpoint.h"
#include "training/name_pattern.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// The .bin files of a folder, by name.
std::vector<std::string> shards_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error))
    if (file->path().extension() == ".bin" && is_file(file->path().string()))
      paths.push_back(file->path().string());
  if (error) failf(ErrorKind::io, folder, "cannot list: {}", error.message());
  std::ranges::sort(paths);
  return paths;
}

TensorFileKind kind_of_folder(const std::string& path) {
  if (is_file(run_path(path, run_file::recipe))) return TensorFileKind::run;
  if (is_file(run_path(path, manifest_name))) return TensorFileKind::checkpoint;
  if (!shards_in(path).empty()) return TensorFileKind::token_folder;
  failf(ErrorKind::bad_data, path,
        "neither the folder of a run (no {}) nor a checkpoint (no {}) nor token shards (no .bin)",
        run_file::recipe, manifest_name);
}

TensorFileKind kind_of_file(const std::string& path) {
  const InputFile file(path);
  std::array<unsigned char, 9> first{};
  const auto count =
      static_cast<size_t>(std::min(file.bytes(), static_cast<int64_t>(first.size())));
  file.read(0, count, first.data());
  const std::string_view text(reinterpret_cast<const char*>(first.data()), count);
  if (text.starts_with("\x93NUMPY")) return TensorFileKind::npy;
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return TensorFileKind::npz;
  const uint32_t magic =
      count < 4 ? 0
                : static_cast<uint32_t>(first[0]) | static_cast<uint32_t>(first[1]) << 8 |
                      static_cast<uint32_t>(first[2]) << 16 | static_cast<uint32_t>(first[3]) << 24;
  if (magic == 20240520 || magic == 20240801) return TensorFileKind::tokens;
  if ((count == first.size() && first[8] == '{') || path.ends_with(".safetensors"))
    return TensorFileKind::safetensors;
  fail(ErrorKind::bad_data, path,
       "expected a run, a checkpoint, token shards, or a .safetensors, .npz, .npy or token file");
}

// The file that holds the tensors of a path.
std::string file_of(const std::string& path, TensorFileKind kind) {
  if (kind == TensorFileKind::checkpoint) return run_path(path, checkpoint_file::states);
  if (kind != TensorFileKind::run) return path;
  check_finished_run(path);
  return run_path(path, run_file::weights);
}

Tensor tokens_of(const std::string& shard) {
  const std::vector<int32_t> tokens = read_token_shard(shard);
  return Tensor::from<int32_t>(DType::i32, {static_cast<int64_t>(tokens.size())}, tokens);
}

// Of a folder of shards these, of anything else the file.
int64_t bytes_of(const std::string& path, TensorFileKind kind) {
  if (kind != TensorFileKind::token_folder) return InputFile(path).bytes();
  int64_t bytes = 0;
  for (const std::string& shard : shards_in(path)) bytes += InputFile(shard).bytes();
  return bytes;
}

NamedTensors read_arrays(const std::string& path, TensorFileKind kind) {
  NamedTensors tensors;
  if (kind == TensorFileKind::npz) {
    for (const auto& [name, tensor] : read_npz(path)) tensors[name] = tensor;
  } else if (kind == TensorFileKind::npy) {
    tensors[fs::path(path).stem().string()] = read_npy(path);
  } else if (kind == TensorFileKind::tokens) {
    tensors["tokens"] = tokens_of(path);
  } else {
    for (const std::string& shard : shards_in(path))
      tensors[fs::path(shard).stem().string()] = tokens_of(shard);
  }
  return tensors;
}

bool holds_safetensors(TensorFileKind kind) {
  return kind == TensorFileKind::safetensors || kind == TensorFileKind::checkpoint ||
         kind == TensorFileKind::run;
}

}  // namespace

std::string_view kind_name(TensorFileKind kind) {
  constexpr std::string_view names[] = {"safetensors",  "npz",        "npy", "tokens",
                                        "token_folder", "checkpoint", "run"};
  return names[static_cast<size_t>(kind)];
}

TensorFileKind kind_of_path(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) fail(ErrorKind::not_found, path, "no such file or folder");
  return fs::is_directory(path, ignored) ? kind_of_folder(path) : kind_of_file(path);
}

TensorListing list_tensors(const std::string& path) {
  TensorListing list{.kind = kind_of_path(path), .path = "", .metadata = {}, .tensors = {}};
  list.path = file_of(path, list.kind);
  list.bytes = bytes_of(list.path, list.kind);
  if (!holds_safetensors(list.kind)) {
    for (const auto& [name, tensor] : read_arrays(path, list.kind))
      list.tensors.push_back({name,
                              std::string(dtype_name(tensor.dtype())),
                              {tensor.shape().begin(), tensor.shape().end()},
                              tensor.bytes()});
    return list;
  }
  const SafetensorsFile file(list.path);
  list.metadata = file.metadata();
  list.hashed = list.kind == TensorFileKind::checkpoint || list.metadata.contains(tensors_hash_key);
  for (const auto& [name, entry] : file.entries())
    list.tensors.push_back(
        {name, entry.dtype ? std::string(dtype_name(*entry.dtype)) : entry.format_dtype,
         entry.sizes, entry.end - entry.begin});
  return list;
}

Safetensors load_tensors(const std::string& path, const std::vector<std::string>& select) {
  const TensorFileKind kind = kind_of_path(path);
  const std::string file = file_of(path, kind);
  Safetensors all;
  if (kind == TensorFileKind::checkpoint) {
    constexpr std::array<std::string_view, 1> needed = {checkpoint_file::states};
    check_sealed_folder(path, needed);
  }
  if (holds_safetensors(kind)) {
    all = load_safetensors(file);
    check_tensors_hash(all, file, false);
  } else {
    all.tensors = read_arrays(path, kind);
  }
  if (!select.empty())
    std::erase_if(all.tensors,
                  [&](const auto& entry) { return !matches_any(select, entry.first); });
  return all;
}

}  // namespace gradus
