// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "data/dataset.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

constexpr int64_t samples_a_chunk = 16;

// Labels as i64, each within [0, classes).
std::vector<int64_t> checked_labels(const std::string& name, const Tensor& labels,
                                    int64_t classes) {
  if (!is_integral(labels.dtype()))
    failf(ErrorKind::bad_data, name, "labels, expected integers, got {}",
          dtype_name(labels.dtype()));
  const Tensor wide = labels.cast(DType::i64);
  const auto* values = wide.data_as<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i)
    if (values[i] < 0 || values[i] >= classes)
      failf(ErrorKind::bad_data, name, "label of sample {}, expected 0 to {}, got {}", i,
            classes - 1, values[i]);
  return {values, values + labels.numel()};
}

void check_finite(const std::string& name, const Tensor& inputs, int64_t values_a_sample) {
  if (!is_floating(inputs.dtype())) return;
  const Tensor wide = inputs.cast(DType::f64);
  const auto* values = wide.data_as<double>();
  for (int64_t i = 0; i < inputs.numel(); ++i)
    if (!std::isfinite(values[i]))
      failf(ErrorKind::bad_data, name, "value {} of sample {} is {}", i % values_a_sample,
            i / values_a_sample, values[i]);
}

// Bytes and f32 stay as they are, everything else is held exactly as f64.
Tensor as_stored(Tensor inputs) {
  const DType dtype = inputs.dtype();
  return dtype == DType::u8 || dtype == DType::f32 ? inputs : inputs.cast(DType::f64);
}

class LabelledDataset : public Dataset {
 public:
  LabelledDataset(const LabelledNames& names, Tensor inputs, const Tensor& labels, int64_t classes,
                  const Normalisation& normalisation)
      : inputs_(as_stored(std::move(inputs))), classes_(classes), normalisation_(normalisation) {
    if (inputs_.shape().rank() < 1 || inputs_.numel() == 0)
      failf(ErrorKind::bad_data, names.inputs, "the data set is empty: {}",
            to_string(inputs_.shape()));
    if (labels.shape() != Shape{size()})
      failf(ErrorKind::bad_data, names.labels,
            "labels, expected one for each of {} samples, got {}", size(),
            to_string(labels.shape()));
    labels_ = checked_labels(names.labels, labels, classes);
    check_finite(names.inputs, inputs_, inputs_.numel() / size());
  }

  int64_t size() const override { return inputs_.shape()[0]; }
  Shape sample_shape() const override {
    Shape shape = inputs_.shape();
    shape.erase(0);
    return shape;
  }
  Shape target_shape() const override { return {}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return classes_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (size_t i = 0; i < indices.size(); ++i)
      targets.data_as<int64_t>()[first + static_cast<int64_t>(i)] =
          labels_[static_cast<size_t>(indices[i])];
    dispatch_float(inputs.dtype(), [&](auto wanted) {
      auto* out = inputs.data_as<typename decltype(wanted)::type>() + first * sample_values();
      if (inputs_.dtype() == DType::u8) return copy<uint8_t>(indices, out);
      if (inputs_.dtype() == DType::f32) return copy<float>(indices, out);
      return copy<double>(indices, out);
    });
  }

 private:
  int64_t sample_values() const { return inputs_.numel() / size(); }

  template <class From, class To>
  void copy(std::span<const int64_t> indices, To* out) const {
    const int64_t count = sample_values();
    const double factor = 1 / (normalisation_.scale * normalisation_.deviation);
    const double shift = normalisation_.mean / normalisation_.deviation;
    const From* values = inputs_.data_as<From>();
    parallel_range(
        static_cast<int64_t>(indices.size()), samples_a_chunk, [&](int64_t begin, int64_t end) {
          for (int64_t s = begin; s < end; ++s) {
            const From* from = values + indices[static_cast<size_t>(s)] * count;
            for (int64_t i = 0; i < count; ++i)
              out[s * count + i] = static_cast<To>(static_cast<double>(from[i]) * factor - shift);
          }
        });
  }

  Tensor inputs_;
  std::vector<int64_t> labels_;
  int64_t classes_;
  Normalisation normalisation_;
};

}  // namespace

std::unique_ptr<Dataset> make_labelled_dataset(const LabelledNames& names, Tensor inputs,
                                               const Tensor& labels, int64_t classes,
                                               const Normalisation& normalisation) {
  return std::make_unique<LabelledDataset>(names, std::move(inputs), labels, classes,
                                           normalisation);
}

}  // namespace gradus
