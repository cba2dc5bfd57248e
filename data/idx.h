// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/tensor/tensor.h"

namespace gradus {

// Reads an array in the IDX format of the MNIST family: two zero bytes, a type byte, the number of
// dims, their sizes as big-endian u32, then the elements big-endian and row-major; may be gzipped.
// Types: u8, i8, i16, i32, f32, f64. Throws bad_data naming the file for a wrong magic number, an
// unknown type, sizes that overflow or do not match the file's length; not_found as read_bytes.
Tensor read_idx(const std::string& path);

}  // namespace gradus
