// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/device/device.h"

namespace gradus {

// Memory on a device, owned or borrowed; shared by the tensors that look into it.
class Buffer {
 public:
  Buffer(Device& device, int64_t bytes);                  // owns
  Buffer(Device& device, void* borrowed, int64_t bytes);  // the caller keeps it alive
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  Device& device() const { return device_; }

 private:
  Device& device_;
  void* data_;
  int64_t bytes_;
  bool owned_;
};

// A dense row-major array: buffer + offset + dtype + shape. Copying a Tensor shares the buffer. A
// default Tensor is empty: no buffer, and stands for an absent optional input.
class Tensor {
 public:
  Tensor() = default;
  // Uninitialised contents.
  Tensor(DType dtype, const Shape& shape, Device& device = cpu_device());
  Tensor(std::shared_ptr<Buffer> buffer, int64_t byte_offset, DType dtype, const Shape& shape);

  static Tensor zeros(DType dtype, const Shape& shape, Device& device = cpu_device());
  // A CPU tensor from host values of exactly the dtype's storage type (float for f32, int64_t for
  // i64, ...).
  template <class T>
  static Tensor from(DType dtype, const Shape& shape, std::span<const T> values);
  // Every element set to `value`, converted to the dtype. On the CPU.
  static Tensor full(DType dtype, const Shape& shape, double value);

  explicit operator bool() const { return buffer_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t numel() const { return shape_.numel(); }
  int64_t bytes() const { return dtype_bytes(dtype_, numel()); }
  Device& device() const { return buffer_->device(); }
  void* data() const;
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }

  // The same memory under another shape of as many elements.
  Tensor reshape(const Shape& shape) const;
  // A copy on `device`; waits for its completion.
  Tensor to(Device& device) const;
  // A CPU tensor of another dtype with converted values (this tensor may be on any device).
  Tensor cast(DType dtype) const;
  // Copies contents from a tensor of the same dtype and shape on any device; waits for completion.
  void copy_from(const Tensor& other);

  // The values as doubles (CPU copy). For tests, metrics and messages.
  std::vector<double> to_doubles() const;
  // The value of a one-element tensor.
  double item() const;

 private:
  std::shared_ptr<Buffer> buffer_;
  int64_t offset_ = 0;
  DType dtype_ = DType::f32;
  Shape shape_;
};

// Converts `count` elements between any two dtypes with whole bytes, as C++ conversion does except:
// float to integer truncates and is defined for all values (NaN 0, saturating), anything to bool is
// `!= 0`.
void convert(DType from_type, const void* from, DType to_type, void* to, int64_t count);

// Throws unless `tensor` holds `count` elements of `element_bytes`.
void check_from(const Tensor& tensor, size_t count, size_t element_bytes);

template <class T>
Tensor Tensor::from(DType dtype, const Shape& shape, std::span<const T> values) {
  Tensor tensor(dtype, shape);
  check_from(tensor, values.size(), sizeof(T));
  std::copy(values.begin(), values.end(), tensor.data_as<T>());
  return tensor;
}

}  // namespace gradus
