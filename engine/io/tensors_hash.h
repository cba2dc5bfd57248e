// SPDX-License-Identifier: Apache-2.0
// Safetensors files that show damage: their metadata hold an XXH3-128 of names, dtypes, shapes and
// bytes of all tensors. The hash is in the file itself, so that replacing the file replaces both.
#pragma once

#include "engine/io/safetensors.h"

namespace gradus {

inline constexpr std::string_view tensors_hash_key = "gradus.xxh3_128";

std::string tensors_hash(const NamedTensors& tensors);

// As save_safetensors, with the hash.
void save_hashed_safetensors(const std::string& path, const NamedTensors& tensors,
                             Metadata metadata = {});

// Throws bad_data where the tensors are not those that were hashed, or, if one is `required`, there
// is no hash. Returns whether there is one.
bool check_tensors_hash(const Safetensors& file, const std::string& path, bool required);
// The same of an open file, whose tensors are read one after the other.
bool check_tensors_hash(const SafetensorsFile& file, const std::string& path, bool required);

}  // namespace gradus
