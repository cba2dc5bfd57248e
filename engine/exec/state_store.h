// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/tensor/tensor.h"

namespace gradus {

// The tensors that outlive runs, by name: parameters, moments, running statistics, caches. Memory
// of a state never moves, so the programs bound to it stay valid when values are set.
class StateStore {
 public:
  explicit StateStore(Device& device) : device_(&device) {}

  Device& device() const { return *device_; }
  bool contains(std::string_view name) const { return states_.find(name) != states_.end(); }
  // Throws where there is none.
  const Tensor& get(std::string_view name) const;
  // The state's memory; made and zeroed when the name is new. Throws if it exists with another
  // dtype or shape.
  Tensor declare(std::string_view name, DType dtype, const Shape& shape);
  // Copies values in (from any device), declaring the state if need be.
  void set(std::string_view name, const Tensor& value);

  const std::map<std::string, Tensor, std::less<>>& all() const { return states_; }
  int64_t bytes() const;

 private:
  Device* device_;
  std::map<std::string, Tensor, std::less<>> states_;
};

}  // namespace gradus
