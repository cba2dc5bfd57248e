// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/column_scale.h"
#include "data/table_field.h"
#include "engine/tensor/tensor.h"

namespace gradus {

struct NodeGraph;  // data/node_graph.h

// Samples in memory, each an input and the targets that belong to it. Contents are checked when a
// data set is made, so that filling a batch cannot fail.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;         // samples
  virtual Shape sample_shape() const = 0;   // of one input
  virtual Shape target_shape() const = 0;   // of one sample's targets; () for a class
  virtual bool input_is_index() const = 0;  // i64 tokens, or floating values
  // Targets are classes in [0, classes); 0: they are numbers to come near to (regression), of shape
  // (outputs).
  virtual int64_t classes() const = 0;
  // Whether the numbers are 0 or 1 each: labels, any of which a sample may have.
  virtual bool targets_are_labels() const { return false; }

  // Copies samples `indices` to the places `first`, `first` + 1, ... of `inputs` (f32, f64, or i64
  // for tokens; shape (batch, sample_shape...)) and `targets` (classes: i64; numbers: f32 or f64;
  // (batch, target_shape...)). Data in memory allocate nothing.
  virtual void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
                    Tensor& targets) const = 0;
  // The same with the random changes that training makes in pass `epoch` over the data, where a
  // data set has any (data/augmentation.h).
  virtual void fill_training(std::span<const int64_t> indices, uint64_t epoch, int64_t first,
                             Tensor& inputs, Tensor& targets) const {
    (void)epoch;
    fill(indices, first, inputs, targets);
  }

  // One class per sample; empty where targets are not that.
  virtual std::span<const int64_t> labels() const { return {}; }
  // What the classes are called; may be empty.
  virtual std::vector<std::string> class_names() const { return {}; }
  // Of a text, how many tokens stand for one of its characters (code points); 0: it is none.
  virtual double tokens_per_character() const { return 0; }
  // From the data's numbers to targets, for each output; empty for classes.
  virtual std::vector<ColumnScale> target_scales() const { return {}; }
  // How many units of the data one unit of each target is; empty for classes.
  std::vector<double> target_units() const {
    std::vector<double> units;
    for (const ColumnScale& scale : target_scales()) units.push_back(scale.width);
    return units;
  }
  // What the outputs of a regression are called; may be empty.
  virtual std::vector<std::string> target_names() const { return {}; }
  // How rows of a table become inputs, column by column; empty where inputs are no such rows.
  virtual std::vector<TableField> table_fields() const { return {}; }
  // What joins the nodes of a sample (nodes, features), whose targets are then those of its nodes;
  // null where samples are no graphs.
  virtual const NodeGraph* graph() const { return nullptr; }
  // Where samples are handed out in batches of several lengths (data/packed_dataset.h): these, in
  // rising order, and of each sample the index of the least that it fits into. The last dim of a
  // batch's inputs says which one fill() is to give. Empty: all have sample_shape().
  virtual std::span<const int64_t> lengths() const { return {}; }
  virtual std::span<const int32_t> buckets() const { return {}; }
};

// Values become (value / `scale` - mean) / deviation. `mean` and `deviation` have one entry, or one
// for each channel: the first dim of a sample.
struct Normalisation {
  double scale = 1;
  std::vector<double> mean = {0};
  std::vector<double> deviation = {1};
};

// What messages call the two, the paths of their files for example.
struct LabelledNames {
  std::string inputs, labels;
};

// Images or rows with one class each: `inputs` (samples, ...) of any number dtype, `labels`
// (samples) of integers. Throws bad_data for an empty set, sizes that differ, a label outside of
// [0, classes), inputs that are NaN, infinite or too large for f32.
std::unique_ptr<Dataset> make_labelled_dataset(const LabelledNames& names, Tensor inputs,
                                               const Tensor& labels, int64_t classes,
                                               const Normalisation& normalisation,
                                               std::vector<std::string> class_names = {});

// Rows with numbers to come near to: `targets` (samples, outputs) of any number dtype, each handed
// out as scale.apply(value) of its column's entry of `scales`. Throws as make_labelled_dataset;
// `name` begins the messages. `labels`: each is 0 or 1, and throws bad_data where it is not;
// `names`: what the outputs are called, may be empty.
std::unique_ptr<Dataset> make_value_dataset(std::string name, Tensor inputs, const Tensor& targets,
                                            const Normalisation& normalisation,
                                            std::vector<ColumnScale> scales, bool labels = false,
                                            std::vector<std::string> names = {});

// The same samples with themselves, flat, as targets; its own are left. Throws for texts and
// graphs.
std::unique_ptr<Dataset> make_self_dataset(std::shared_ptr<const Dataset> samples);

// Windows of `length` tokens that follow each other; the targets are the same tokens one later.
// Throws bad_data where the text has fewer than length + 1 tokens or a token is outside of
// [0, classes).
std::unique_ptr<Dataset> make_text_dataset(std::string name, std::vector<int32_t> tokens,
                                           int64_t length, int64_t classes,
                                           double tokens_per_character = 0);

// Samples `indices` of another data set, in this order. Throws for none and for an index that the
// whole does not have.
std::unique_ptr<Dataset> make_subset(std::shared_ptr<const Dataset> whole,
                                     std::vector<int64_t> indices);

// The same samples, of which class c is class `to[c]` of those that `class_names` has. Throws for a
// data set whose classes are not as many as `to`, and for classes out of range.
std::unique_ptr<Dataset> make_relabelled(std::shared_ptr<const Dataset> whole,
                                         std::vector<int64_t> to,
                                         std::vector<std::string> class_names);

}  // namespace gradus
