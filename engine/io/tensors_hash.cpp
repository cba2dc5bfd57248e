// SPDX-License-Identifier: Apache-2.0
#include "engine/io/tensors_hash.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/content_hash.h"

namespace gradus {

std::string tensors_hash(const NamedTensors& tensors) {
  ContentHash hash;
  for (const auto& [name, tensor] : tensors) {
    const Tensor host =
        tensor.device().info().type == DeviceType::cpu ? tensor : tensor.to(cpu_device());
    // The lengths keep one name's end apart from the next field's beginning.
    hash.add(fmt::format("{}:{}{} {}\n", name.size(), name, dtype_name(host.dtype()),
                         to_string(host.shape())));
    hash.add({host.data_as<const char>(), static_cast<size_t>(host.bytes())});
  }
  return hash.hex();
}

void save_hashed_safetensors(const std::string& path, const NamedTensors& tensors,
                             Metadata metadata) {
  metadata[std::string(tensors_hash_key)] = tensors_hash(tensors);
  save_safetensors(path, tensors, metadata);
}

bool check_tensors_hash(const Safetensors& file, const std::string& path, bool required) {
  const auto found = file.metadata.find(tensors_hash_key);
  if (found == file.metadata.end()) {
    if (required)
      failf(ErrorKind::bad_data, path, "its metadata lack the hash '{}'", tensors_hash_key);
    return false;
  }
  if (const std::string actual = tensors_hash(file.tensors); actual != found->second)
    failf(ErrorKind::bad_data, path, "the file is damaged: hash, expected {}, got {}",
          found->second, actual);
  return true;
}

}  // namespace gradus
