// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "data/input_rows.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

class ValueDataset : public Dataset {
 public:
  ValueDataset(const std::string& name, Tensor inputs, const Tensor& targets,
               const Normalisation& normalisation, std::vector<ColumnScale> scales, bool labels,
               std::vector<std::string> names)
      : inputs_(name, std::move(inputs), normalisation),
        scales_(std::move(scales)),
        are_labels_(labels),
        names_(std::move(names)) {
    const auto outputs = static_cast<int64_t>(scales_.size());
    if (outputs < 1 || targets.shape() != Shape{size(), outputs})
      failf(ErrorKind::bad_data, name, "targets, expected {}, got {}",
            to_string(Shape{size(), std::max<int64_t>(outputs, 1)}), to_string(targets.shape()));
    GRADUS_CHECK(names_.empty() || names_.size() == scales_.size(),
                 "[{}] names of outputs, expected {}, got {}", name, scales_.size(), names_.size());
    targets_ = targets.to_doubles();
    for (size_t i = 0; i < targets_.size(); ++i) {
      if (!std::isfinite(targets_[i]))
        failf(ErrorKind::bad_data, name, "target {} of sample {} is {}", i % scales_.size(),
              i / scales_.size(), targets_[i]);
      if (labels && targets_[i] != 0 && targets_[i] != 1)
        failf(ErrorKind::bad_data, name, "label {} of sample {}, expected 0 or 1, got {}",
              i % scales_.size(), i / scales_.size(), targets_[i]);
      targets_[i] = scales_[i % scales_.size()].apply(targets_[i]);
      if (!fits_f32(targets_[i]))
        failf(ErrorKind::bad_data, name,
              "target {} of sample {} is {} when scaled, too large for f32", i % scales_.size(),
              i / scales_.size(), targets_[i]);
    }
  }

  int64_t size() const override { return inputs_.size(); }
  Shape sample_shape() const override { return inputs_.sample_shape(); }
  Shape target_shape() const override { return {static_cast<int64_t>(scales_.size())}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return 0; }
  bool targets_are_labels() const override { return are_labels_; }
  std::vector<ColumnScale> target_scales() const override { return scales_; }
  std::vector<std::string> target_names() const override { return names_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    dispatch_float(targets.dtype(), [&](auto wanted) {
      using T = typename decltype(wanted)::type;
      T* out = targets.data_as<T>() + first * static_cast<int64_t>(scales_.size());
      for (const int64_t index : indices)
        for (size_t k = 0; k < scales_.size(); ++k)
          *out++ = static_cast<T>(targets_[static_cast<size_t>(index) * scales_.size() + k]);
    });
    inputs_.fill(indices, first, inputs);
  }

 private:
  InputRows inputs_;
  std::vector<double> targets_;  // scaled, (samples, outputs)
  std::vector<ColumnScale> scales_;
  bool are_labels_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Dataset> make_value_dataset(std::string name, Tensor inputs, const Tensor& targets,
                                            const Normalisation& normalisation,
                                            std::vector<ColumnScale> scales, bool labels,
                                            std::vector<std::string> names) {
  return std::make_unique<ValueDataset>(name, std::move(inputs), targets, normalisation,
                                        std::move(scales), labels, std::move(names));
}

}  // namespace gradus
