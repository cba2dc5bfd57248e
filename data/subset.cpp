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
    if (const std::span<const int64_t> all = whole_->labels(); !all.empty())
      for (int64_t index : indices_) labels_.push_back(all[static_cast<size_t>(index)]);
  }

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Shape sample_shape() const override { return whole_->sample_shape(); }
  Shape target_shape() const override { return whole_->target_shape(); }
  bool input_is_index() const override { return whole_->input_is_index(); }
  int64_t classes() const override { return whole_->classes(); }
  bool targets_are_labels() const override { return whole_->targets_are_labels(); }
  std::span<const int64_t> labels() const override { return labels_; }
  std::vector<std::string> class_names() const override { return whole_->class_names(); }
  std::vector<ColumnScale> target_scales() const override { return whole_->target_scales(); }
  std::vector<std::string> target_names() const override { return whole_->target_names(); }
  std::vector<TableField> table_fields() const override { return whole_->table_fields(); }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    each_piece(indices, first, [&](std::span<const int64_t> piece, int64_t at) {
      whole_->fill(piece, at, inputs, targets);
    });
  }
  void fill_training(std::span<const int64_t> indices, uint64_t epoch, int64_t first,
                     Tensor& inputs, Tensor& targets) const override {
    each_piece(indices, first, [&](std::span<const int64_t> piece, int64_t at) {
      whole_->fill_training(piece, epoch, at, inputs, targets);
    });
  }

 private:
  // In pieces, whose indices in the whole fit on the stack.
  template <class Visit>
  void each_piece(std::span<const int64_t> indices, int64_t first, Visit&& visit) const {
    std::array<int64_t, 512> mapped;
    for (size_t done = 0; done < indices.size();) {
      const size_t count = std::min(mapped.size(), indices.size() - done);
      for (size_t i = 0; i < count; ++i)
        mapped[i] = indices_[static_cast<size_t>(indices[done + i])];
      visit(std::span<const int64_t>(mapped.data(), count), first + static_cast<int64_t>(done));
      done += count;
    }
  }

  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> indices_;
  std::vector<int64_t> labels_;
};

}  // namespace

std::unique_ptr<Dataset> make_subset(std::shared_ptr<const Dataset> whole,
                                     std::vector<int64_t> indices) {
  return std::make_unique<Subset>(std::move(whole), std::move(indices));
}

}  // namespace gradus
