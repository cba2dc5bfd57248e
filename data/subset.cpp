// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {
    GRADUS_CHECK(!indices_.empty(), "a subset without samples");
    for (int64_t index : indices_)
      GRADUS_CHECK(index >= 0 && index < whole_->size(), "sample, expected 0 to {}, got {}",
                   whole_->size() - 1, index);
  }

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Shape sample_shape() const override { return whole_->sample_shape(); }
  Shape target_shape() const override { return whole_->target_shape(); }
  bool input_is_index() const override { return whole_->input_is_index(); }
  int64_t classes() const override { return whole_->classes(); }

  void fill(std::span<const int64_t> indices, Tensor& inputs, Tensor& targets) const override {
    std::vector<int64_t> mapped;
    mapped.reserve(indices.size());
    for (int64_t index : indices) mapped.push_back(indices_[static_cast<size_t>(index)]);
    whole_->fill(mapped, inputs, targets);
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> indices_;
};

}  // namespace

std::unique_ptr<Dataset> make_subset(std::shared_ptr<const Dataset> whole,
                                     std::vector<int64_t> indices) {
  return std::make_unique<Subset>(std::move(whole), std::move(indices));
}

}  // namespace gradus
