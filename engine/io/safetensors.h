// SPDX-License-Identifier: Apache-2.0
// The safetensors format (huggingface/safetensors, README "Format"): 8 bytes little-endian header
// length, a JSON object name -> {dtype, shape, data_offsets}, then the tensors' bytes without gaps.
// Read strictly: a file is data from outside, and every violation has its own message.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/io/input_file.h"
#include "engine/tensor/tensor.h"

namespace gradus {

using Metadata = std::map<std::string, std::string, std::less<>>;

struct SafetensorsEntry {
  std::string format_dtype;    // as the file names it: "F32"
  std::optional<DType> dtype;  // none: the format knows it, Gradus does not hold it
  std::vector<int64_t> sizes;  // of any rank
  int64_t begin = 0, end = 0;  // bytes, from the end of the header
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> entries;
  Metadata metadata;
};

// The most bytes a header may have.
inline constexpr int64_t safetensors_header_limit = 100'000'000;

// Checks everything that a header can get wrong; `data_bytes` follow it. `source` stands in
// messages. Throws Error(bad_data).
SafetensorsHeader parse_safetensors_header(std::string_view header, int64_t data_bytes,
                                           std::string_view source);

// An open file whose header is read and checked. Tensors are read when asked for.
class SafetensorsFile {
 public:
  // Throws Error(not_found, io or bad_data) naming the file.
  explicit SafetensorsFile(const std::string& path);

  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const {
    return header_.entries;
  }
  const Metadata& metadata() const { return header_.metadata; }
  // On the CPU. Throws for an unknown name, a dtype that Gradus does not hold, more than
  // Shape::max_rank dims, and a bool that is neither 0 nor 1.
  Tensor read(std::string_view name) const;
  // Into the memory of `tensor`, of any device; on the CPU without further memory. Throws as read,
  // and bad_data where dtype or shape differ.
  void read_into(std::string_view name, Tensor tensor) const;

 private:
  std::string path_;
  InputFile file_;
  int64_t data_start_ = 0;
  SafetensorsHeader header_;
};

using NamedTensors = std::map<std::string, Tensor, std::less<>>;

struct Safetensors {
  NamedTensors tensors;
  Metadata metadata;
};

// All tensors of a file, or of its bytes.
Safetensors load_safetensors(const std::string& path);
Safetensors parse_safetensors(std::string_view bytes, std::string_view source);

// The bytes of a file of these tensors, before they are written. They depend on names and contents
// alone: keys sorted, widest elements first, header padded to 8 bytes. Tensors of the CPU are not
// copied, and must neither change nor go while this is used. Throws for a dtype the format lacks
// (i4, u4), the name "__metadata__", a name that is not UTF-8, an empty tensor; `source` begins the
// messages.
class SafetensorsImage {
 public:
  SafetensorsImage(std::string_view source, const NamedTensors& tensors,
                   const Metadata& metadata = {});

  // In the order of the file; valid as long as this.
  std::vector<std::string_view> parts() const;

 private:
  NamedTensors host_;
  std::string head_;
};

// Replaces `path` by a file of these tensors (of any device), atomically. Throws as
// SafetensorsImage, and Error(io) as write_file_atomically.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const Metadata& metadata = {});

}  // namespace gradus
