// SPDX-License-Identifier: Apache-2.0
#include "engine/op/tensor_spec.h"

#include <optional>

#include "engine/base/error.h"

namespace gradus {
namespace {

int category(DType dtype) { return dtype == DType::bool_ ? 0 : is_integral(dtype) ? 1 : 2; }

}  // namespace

std::string to_string(const TensorSpec& spec) {
  if (!spec.present) return "absent";
  return fmt::format("{} {}", dtype_name(spec.dtype), to_string(spec.shape));
}

DType result_type(std::span<const TensorSpec> inputs, std::string_view op) {
  std::optional<DType> ranked, scalar;
  try {
    for (const TensorSpec& spec : inputs) {
      if (!spec.present) continue;
      std::optional<DType>& into = spec.shape.rank() > 0 ? ranked : scalar;
      into = into ? promote(*into, spec.dtype) : spec.dtype;
    }
    GRADUS_CHECK(ranked || scalar, "no input to take a type from");
    if (!ranked) return *scalar;
    if (!scalar || category(*scalar) <= category(*ranked)) return *ranked;
    return promote(*ranked, *scalar);
  } catch (const Error& error) {
    fail(error.kind(), op, error.what());
  }
}

}  // namespace gradus
