// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>

#include "engine/tensor/tensor.h"

namespace gradus {

// An array in NumPy's format (NEP 1, versions 1 to 3): bool, signed and unsigned integers, and
// floats of 2, 4 and 8 bytes, of either byte order, in C or Fortran order (a tensor is row-major).
// Throws bad_data naming the source and the place of what is wrong: magic number, header,
// element type, more than 8 dims, sizes that overflow or do not match the bytes there are.
Tensor parse_npy(std::span<const uint8_t> bytes, const std::string& source);
// The same from a file, possibly packed by gzip. Throws as read_bytes too.
Tensor read_npy(const std::string& path);

// The arrays of an .npz archive by name, without the .npy. Throws as parse_npy and unpack_zip.
std::map<std::string, Tensor> read_npz(const std::string& path);

}  // namespace gradus
