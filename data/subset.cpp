// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

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

  // In pieces, whose indices fit on the stack.
  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    std::array<int64_t, 512> mapped;
    for (size_t done = 0; done < indices.size();) {
      const size_t count = std::min(mapped.size(), indices.size() - done);
      for (size_t i = 0; i < count; ++i)
        mapped[i] = indices_[static_cast<size_t>(indices[done + i])];
      whole_->fill({mapped.data(), count}, first + static_cast<int64_t>(done), inputs, targets);
      done += count;
    }
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
