// SPDX-License-Identifier: Apache-2.0
#include "engine/tensor/tensor.h"

#include "engine/base/error.h"

namespace gradus {

Buffer::Buffer(Device& device, int64_t bytes)
    : device_(device), data_(device.allocate(bytes)), bytes_(bytes), owned_(true) {}

Buffer::Buffer(Device& device, void* borrowed, int64_t bytes)
    : device_(device), data_(borrowed), bytes_(bytes), owned_(false) {}

Buffer::~Buffer() {
  if (owned_) device_.release(data_);
}

Tensor::Tensor(DType dtype, const Shape& shape, Device& device)
    : buffer_(std::make_shared<Buffer>(device, dtype_bytes(dtype, shape.numel()))),
      dtype_(dtype),
      shape_(shape) {}

Tensor::Tensor(std::shared_ptr<Buffer> buffer, int64_t byte_offset, DType dtype, const Shape& shape)
    : buffer_(std::move(buffer)), offset_(byte_offset), dtype_(dtype), shape_(shape) {
  GRADUS_ASSERT(offset_ >= 0 && offset_ + bytes() <= buffer_->bytes(),
                "a tensor of {} bytes at {} leaves its buffer of {}", bytes(), offset_,
                buffer_->bytes());
}

Tensor Tensor::zeros(DType dtype, const Shape& shape, Device& device) {
  Tensor tensor(dtype, shape, device);
  device.fill_zero(tensor.data(), tensor.bytes(), device.default_stream());
  device.synchronize(device.default_stream());
  return tensor;
}

Tensor Tensor::full(DType dtype, const Shape& shape, double value) {
  const Tensor wide(DType::f64, shape);
  std::fill_n(wide.data_as<double>(), wide.numel(), value);
  return wide.cast(dtype);
}

void* Tensor::data() const {
  if (!buffer_ || buffer_->data() == nullptr) return nullptr;
  return static_cast<char*>(buffer_->data()) + offset_;
}

Tensor Tensor::reshape(const Shape& shape) const {
  GRADUS_CHECK(shape.numel() == numel(), "cannot view a tensor of shape {} as {}",
               to_string(shape_), to_string(shape));
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::to(Device& device) const {
  Tensor copy(dtype_, shape_, device);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::cast(DType dtype) const {
  Tensor result(dtype, shape_);
  const Tensor host = device().info().type == DeviceType::cpu ? *this : to(cpu_device());
  convert(dtype_, host.data(), dtype, result.data(), numel());
  return result;
}

void Tensor::copy_from(const Tensor& other) {
  GRADUS_CHECK(other.dtype() == dtype_ && other.shape() == shape_,
               "cannot copy {} {} into a tensor of {} {}", dtype_name(other.dtype()),
               to_string(other.shape()), dtype_name(dtype_), to_string(shape_));
  Device& to = device();
  Device& from = other.device();
  if (&to == &from) {
    to.copy_within(data(), other.data(), bytes(), to.default_stream());
    to.synchronize(to.default_stream());
  } else if (from.info().type == DeviceType::cpu) {
    to.copy_from_host(data(), other.data(), bytes(), to.default_stream());
    to.synchronize(to.default_stream());
  } else if (to.info().type == DeviceType::cpu) {
    from.copy_to_host(data(), other.data(), bytes(), from.default_stream());
    from.synchronize(from.default_stream());
  } else {
    copy_from(other.to(cpu_device()));
  }
}

std::vector<double> Tensor::to_doubles() const {
  const Tensor wide = cast(DType::f64);
  return {wide.data_as<double>(), wide.data_as<double>() + numel()};
}

double Tensor::item() const {
  GRADUS_CHECK(numel() == 1, "expected a tensor of one element, got shape {}", to_string(shape_));
  alignas(8) unsigned char element[8] = {};  // room for any dtype, so that nothing is allocated
  device().copy_to_host(element, data(), bytes(), device().default_stream());
  device().synchronize(device().default_stream());
  double value = 0;
  convert(dtype_, element, DType::f64, &value, 1);
  return value;
}

void check_from(const Tensor& tensor, size_t count, size_t element_bytes) {
  GRADUS_CHECK(static_cast<int64_t>(count) == tensor.numel() &&
                   static_cast<int>(element_bytes * 8) == dtype_bits(tensor.dtype()),
               "expected {} values of {}, got {} of {} bytes", tensor.numel(),
               dtype_name(tensor.dtype()), count, element_bytes);
}

}  // namespace gradus
