// SPDX-License-Identifier: Apache-2.0
#include "data/input_rows.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

void check_finite(const std::string& name, const Tensor& inputs) {
  const int64_t values_a_sample = inputs.numel() / inputs.shape()[0];
  const auto check = [&](const auto* values) {
    for (int64_t i = 0; i < inputs.numel(); ++i)
      if (!fits_f32(values[i]))
        failf(ErrorKind::bad_data, name, "value {} of sample {} is {}{}", i % values_a_sample,
              i / values_a_sample, values[i],
              std::isfinite(values[i]) ? ", too large for f32" : "");
  };
  if (inputs.dtype() == DType::f32) check(inputs.data_as<float>());
  if (inputs.dtype() == DType::f64) check(inputs.data_as<double>());
}

// Bytes and f32 stay as they are, everything else is held exactly as f64.
Tensor as_stored(Tensor inputs) {
  const DType dtype = inputs.dtype();
  return dtype == DType::u8 || dtype == DType::f32 ? inputs : inputs.cast(DType::f64);
}

}  // namespace

InputRows::InputRows(const std::string& name, Tensor inputs, const Normalisation& normalisation)
    : inputs_(as_stored(std::move(inputs))) {
  if (inputs_.shape().rank() < 1 || inputs_.numel() == 0)
    failf(ErrorKind::bad_data, name, "the data set is empty: {}", to_string(inputs_.shape()));
  check_finite(name, inputs_);
  const size_t entries = normalisation.mean.size();
  const int64_t channels = inputs_.shape().rank() > 1 ? inputs_.shape()[1] : 1;
  GRADUS_CHECK(entries == normalisation.deviation.size() &&
                   (entries == 1 || static_cast<int64_t>(entries) == channels),
               "[{}] mean and deviation, expected 1 or {} entries (channels) each, got {} and {}",
               name, channels, entries, normalisation.deviation.size());
  for (size_t c = 0; c < entries; ++c) {
    factor_.push_back(1 / (normalisation.scale * normalisation.deviation[c]));
    shift_.push_back(normalisation.mean[c] / normalisation.deviation[c]);
  }
}

Shape InputRows::sample_shape() const {
  Shape shape = inputs_.shape();
  shape.erase(0);
  return shape;
}

void InputRows::fill(std::span<const int64_t> indices, int64_t first, Tensor& out) const {
  dispatch_float(out.dtype(), [&](auto wanted) {
    auto* values =
        out.data_as<typename decltype(wanted)::type>() + first * (inputs_.numel() / size());
    if (inputs_.dtype() == DType::u8) return copy<uint8_t>(indices, values);
    if (inputs_.dtype() == DType::f32) return copy<float>(indices, values);
    return copy<double>(indices, values);
  });
}

template <class From, class To>
void InputRows::copy(std::span<const int64_t> indices, To* out) const {
  const int64_t count = inputs_.numel() / size();
  const auto parts = static_cast<int64_t>(factor_.size());  // 1, or channels
  const int64_t part = count / parts;
  const From* values = inputs_.data_as<From>();
  const auto samples = static_cast<int64_t>(indices.size());
  parallel_range(samples, samples_a_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s)
      for (int64_t c = 0; c < parts; ++c) {
        const From* from = values + indices[static_cast<size_t>(s)] * count + c * part;
        To* to = out + s * count + c * part;
        const double factor = factor_[static_cast<size_t>(c)];
        const double shift = shift_[static_cast<size_t>(c)];
        for (int64_t i = 0; i < part; ++i)
          to[i] = static_cast<To>(static_cast<double>(from[i]) * factor - shift);
      }
  });
}

}  // namespace gradus
