// SPDX-License-Identifier: Apache-2.0
// The tensors of files and folders, whatever their form: .safetensors, .npz and .npy files, token
// shards and folders of them, checkpoints and runs. A file is known by its first bytes.
#pragma once

#include <string>
#include <vector>

#include "engine/io/safetensors.h"

namespace gradus {

enum class TensorFileKind { safetensors, npz, npy, tokens, token_folder, checkpoint, run };
std::string_view kind_name(TensorFileKind kind);

struct TensorInfo {
  std::string name;
  std::string dtype;  // "f32", or as the format names one that Gradus does not hold
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

struct TensorListing {
  TensorFileKind kind;
  std::string path;     // of the file that holds the tensors, or the folder of shards
  int64_t bytes = 0;    // of that file, or of all shards
  bool hashed = false;  // its contents can be checked
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // by name
};

// Throws not_found for what is not there, bad_data for what is none of these or damaged.
TensorFileKind kind_of_path(const std::string& path);

// Of safetensors, only the header is read. Throws as kind_of_path; not_found where a run has no
// weights yet.
TensorListing list_tensors(const std::string& path);

// All tensors whose names fit a pattern of `select` (training/name_pattern.h; empty: all), after
// the hash of whatever has one was compared. Throws as list_tensors.
Safetensors load_tensors(const std::string& path, const std::vector<std::string>& select = {});

}  // namespace gradus
