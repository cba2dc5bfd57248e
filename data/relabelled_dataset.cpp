// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/dataset.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

class RelabelledDataset : public Dataset {
 public:
  RelabelledDataset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> to,
                    std::vector<std::string> class_names)
      : whole_(std::move(whole)), to_(std::move(to)), class_names_(std::move(class_names)) {
    GRADUS_CHECK(std::ssize(to_) == whole_->classes(), "classes, expected {}, got {}",
                 whole_->classes(), to_.size());
    for (const int64_t label : to_)
      GRADUS_CHECK(label >= 0 && label < classes(), "class, expected 0 to {}, got {}",
                   classes() - 1, label);
    for (const int64_t label : whole_->labels()) labels_.push_back(to_[static_cast<size_t>(label)]);
  }

  int64_t size() const override { return whole_->size(); }
  Shape sample_shape() const override { return whole_->sample_shape(); }
  Shape target_shape() const override { return whole_->target_shape(); }
  bool input_is_index() const override { return whole_->input_is_index(); }
  int64_t classes() const override { return std::ssize(class_names_); }
  std::span<const int64_t> labels() const override { return labels_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  double tokens_per_character() const override { return whole_->tokens_per_character(); }
  std::vector<TableField> table_fields() const override { return whole_->table_fields(); }
  const NodeGraph* graph() const override { return whole_->graph(); }
  std::span<const int64_t> lengths() const override { return whole_->lengths(); }
  std::span<const int32_t> buckets() const override { return whole_->buckets(); }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    whole_->fill(indices, first, inputs, targets);
    rename(indices, first, targets);
  }
  void fill_training(std::span<const int64_t> indices, uint64_t epoch, int64_t first,
                     Tensor& inputs, Tensor& targets) const override {
    whole_->fill_training(indices, epoch, first, inputs, targets);
    rename(indices, first, targets);
  }

 private:
  // What is no class (no_target) stays.
  void rename(std::span<const int64_t> indices, int64_t first, Tensor& targets) const {
    const int64_t each = target_shape().numel();
    int64_t* labels = targets.data_as<int64_t>() + first * each;
    for (int64_t i = 0; i < std::ssize(indices) * each; ++i)
      if (labels[i] >= 0) labels[i] = to_[static_cast<size_t>(labels[i])];
  }

  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> to_;
  std::vector<std::string> class_names_;
  std::vector<int64_t> labels_;
};

}  // namespace

std::unique_ptr<Dataset> make_relabelled(std::shared_ptr<const Dataset> whole,
                                         std::vector<int64_t> to,
                                         std::vector<std::string> class_names) {
  return std::make_unique<RelabelledDataset>(std::move(whole), std::move(to),
                                             std::move(class_names));
}

}  // namespace gradus
