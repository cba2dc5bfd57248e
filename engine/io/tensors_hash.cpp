// SPDX-License-Identifier: Apache-2.0
#include "engine/io/tensors_hash.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/content_hash.h"

namespace gradus {

namespace {

void add_tensor(ContentHash& hash, const std::string& name, const Tensor& tensor) {
  const Tensor host =
      tensor.device().info().type == DeviceType::cpu ? tensor : tensor.to(cpu_device());
  // The lengths keep one name's end apart from the next field's beginning.
  hash.add(fmt::format("{}:{}{} {}\n", name.size(), name, dtype_name(host.dtype()),
                       to_string(host.shape())));
  hash.add({host.data_as<const char>(), static_cast<size_t>(host.bytes())});
}

// None where the metadata lack it and it is not required.
std::optional<std::string> stated_hash(const Metadata& metadata, const std::string& path,
                                       bool required) {
  const auto found = metadata.find(tensors_hash_key);
  if (found != metadata.end()) return found->second;
  if (required)
    failf(ErrorKind::bad_data, path, "its metadata lack the hash '{}'", tensors_hash_key);
  return std::nullopt;
}

void check_same(const std::string& stated, const std::string& actual, const std::string& path) {
  if (stated != actual)
    failf(ErrorKind::bad_data, path, "the file is damaged: hash, expected {}, got {}", stated,
          actual);
}

}  // namespace

std::string tensors_hash(const NamedTensors& tensors) {
  ContentHash hash;
  for (const auto& [name, tensor] : tensors) add_tensor(hash, name, tensor);
  return hash.hex();
}

void save_hashed_safetensors(const std::string& path, const NamedTensors& tensors,
                             Metadata metadata) {
  metadata[std::string(tensors_hash_key)] = tensors_hash(tensors);
  save_safetensors(path, tensors, metadata);
}

bool check_tensors_hash(const Safetensors& file, const std::string& path, bool required) {
  const std::optional<std::string> stated = stated_hash(file.metadata, path, required);
  if (stated) check_same(*stated, tensors_hash(file.tensors), path);
  return stated.has_value();
}

bool check_tensors_hash(const SafetensorsFile& file, const std::string& path, bool required) {
  const std::optional<std::string> stated = stated_hash(file.metadata(), path, required);
  if (!stated) return false;
  ContentHash hash;
  for (const auto& [name, entry] : file.entries()) add_tensor(hash, name, file.read(name));
  check_same(*stated, hash.hex(), path);
  return true;
}

}  // namespace gradus
