// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/state_store.h"

#include "engine/base/error.h"

namespace gradus {

const Tensor& StateStore::get(std::string_view name) const {
  const auto found = states_.find(name);
  GRADUS_CHECK(found != states_.end(), "there is no state '{}'", name);
  return found->second;
}

Tensor StateStore::declare(std::string_view name, DType dtype, const Shape& shape) {
  const auto found = states_.find(name);
  if (found == states_.end())
    return states_[std::string(name)] = Tensor::zeros(dtype, shape, *device_);
  const Tensor& known = found->second;
  GRADUS_CHECK(known.dtype() == dtype && known.shape() == shape,
               "state '{}', expected {} {}, got {} {}", name, dtype_name(known.dtype()),
               to_string(known.shape()), dtype_name(dtype), to_string(shape));
  return known;
}

void StateStore::set(std::string_view name, const Tensor& value) {
  declare(name, value.dtype(), value.shape()).copy_from(value);
}

int64_t StateStore::bytes() const {
  int64_t sum = 0;
  for (const auto& [name, tensor] : states_) sum += tensor.bytes();
  return sum;
}

}  // namespace gradus
