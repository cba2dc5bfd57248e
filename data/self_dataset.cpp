// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/dataset.h"
#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

// The targets of another data set, which nobody wants: kept, so that filling allocates nothing once
// a batch of the size was there.
Tensor& unused_targets(const Dataset& of, int64_t batch, DType floats) {
  thread_local Tensor kept;
  Shape shape = of.target_shape();
  shape.insert(0, batch);
  const DType dtype = of.classes() > 0 ? DType::i64 : floats;
  if (kept.dtype() != dtype || kept.shape() != shape) kept = Tensor::zeros(dtype, shape);
  return kept;
}

class SelfDataset : public Dataset {
 public:
  explicit SelfDataset(std::shared_ptr<const Dataset> samples) : samples_(std::move(samples)) {
    GRADUS_CHECK(!samples_->input_is_index() && samples_->graph() == nullptr,
                 "[data.task] reconstruction is for numbers, not for texts and graphs");
  }

  int64_t size() const override { return samples_->size(); }
  Shape sample_shape() const override { return samples_->sample_shape(); }
  Shape target_shape() const override { return {samples_->sample_shape().numel()}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return 0; }
  std::vector<ColumnScale> target_scales() const override {
    return std::vector<ColumnScale>(static_cast<size_t>(samples_->sample_shape().numel()));
  }
  std::vector<std::string> target_names() const override {
    std::vector<std::string> names;
    for (const TableField& field : samples_->table_fields())
      for (int64_t i = 0; i < field.inputs(); ++i)
        names.push_back(field.inputs() == 1 ? field.name
                                            : field.name + "=" +
                                                  (i < std::ssize(field.categories)
                                                       ? field.categories[static_cast<size_t>(i)]
                                                       : std::string("missing")));
    return names;
  }
  std::vector<TableField> table_fields() const override { return samples_->table_fields(); }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    samples_->fill(indices, first, inputs, unused(inputs));
    copy(indices, first, inputs, targets);
  }
  void fill_training(std::span<const int64_t> indices, uint64_t epoch, int64_t first,
                     Tensor& inputs, Tensor& targets) const override {
    samples_->fill_training(indices, epoch, first, inputs, unused(inputs));
    copy(indices, first, inputs, targets);
  }

 private:
  Tensor& unused(const Tensor& inputs) const {
    return unused_targets(*samples_, inputs.shape()[0], inputs.dtype());
  }

  void copy(std::span<const int64_t> indices, int64_t first, const Tensor& inputs,
            Tensor& targets) const {
    const int64_t width = samples_->sample_shape().numel();
    dispatch_float(inputs.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      std::copy_n(inputs.data_as<T>() + first * width, std::ssize(indices) * width,
                  targets.data_as<T>() + first * width);
    });
  }

  std::shared_ptr<const Dataset> samples_;
};

}  // namespace

std::unique_ptr<Dataset> make_self_dataset(std::shared_ptr<const Dataset> samples) {
  return std::make_unique<SelfDataset>(std::move(samples));
}

}  // namespace gradus
