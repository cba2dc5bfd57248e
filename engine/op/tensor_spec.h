// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace gradus {

// What is known of a tensor before anything runs: dtype and shape, or that an optional input is
// absent.
struct TensorSpec {
  DType dtype = DType::f32;
  Shape shape;
  bool present = true;

  int64_t numel() const { return shape.numel(); }
  int64_t bytes() const { return present ? dtype_bytes(dtype, numel()) : 0; }
  static TensorSpec absent() { return {DType::f32, {}, false}; }
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

// "f32 (2, 3)".
std::string to_string(const TensorSpec& spec);

// PyTorch's result_type of tensors: tensors of rank 0 do not widen those of higher rank within a
// category (bool < integer < float). Absent inputs are skipped. Throws, naming `op`, where PyTorch
// refuses.
DType result_type(std::span<const TensorSpec> inputs, std::string_view op);

}  // namespace gradus
