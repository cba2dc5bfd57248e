// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor/tensor.h"

namespace gradus {

// Samples in memory, each an input and the targets that belong to it. Contents are checked when a
// data set is made, so that filling a batch cannot fail.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;         // samples
  virtual Shape sample_shape() const = 0;   // of one input
  virtual Shape target_shape() const = 0;   // of one sample's targets; () for a class
  virtual bool input_is_index() const = 0;  // i64 tokens, or floating values
  virtual int64_t classes() const = 0;      // targets are in [0, classes)

  // Copies samples `indices` to the places `first`, `first` + 1, ... of `inputs` (f32, f64, or i64
  // for tokens; shape (batch, sample_shape...)) and `targets` (i64; (batch, target_shape...)).
  // Allocates nothing.
  virtual void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
                    Tensor& targets) const = 0;
};

// Images or rows with one class each. Values become (value / `scale` - mean) / deviation.
struct Normalisation {
  double scale = 1;
  double mean = 0;
  double deviation = 1;
};

// What messages call the two, the paths of their files for example.
struct LabelledNames {
  std::string inputs, labels;
};

// `inputs` (samples, ...) of any number dtype, `labels` (samples) of integers. Throws bad_data for
// an empty set, sizes that differ, a label outside of [0, classes), NaN or infinite inputs.
std::unique_ptr<Dataset> make_labelled_dataset(const LabelledNames& names, Tensor inputs,
                                               const Tensor& labels, int64_t classes,
                                               const Normalisation& normalisation);

// Windows of `length` tokens that follow each other; the targets are the same tokens one later.
// Throws bad_data where the text has fewer than length + 1 tokens or a token is outside of
// [0, classes).
std::unique_ptr<Dataset> make_text_dataset(std::string name, std::vector<int32_t> tokens,
                                           int64_t length, int64_t classes);

// Samples [begin, end) of another data set in the order `order`.
std::unique_ptr<Dataset> make_subset(std::shared_ptr<const Dataset> whole,
                                     std::vector<int64_t> indices);

}  // namespace gradus
