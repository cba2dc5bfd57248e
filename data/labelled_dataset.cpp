// SPDX-License-Identifier: Apache-2.0
#include "data/input_rows.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

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

class LabelledDataset : public Dataset {
 public:
  LabelledDataset(const LabelledNames& names, Tensor inputs, const Tensor& labels, int64_t classes,
                  const Normalisation& normalisation, std::vector<std::string> class_names)
      : inputs_(names.inputs, std::move(inputs), normalisation),
        classes_(classes),
        class_names_(std::move(class_names)) {
    if (labels.shape() != Shape{size()})
      failf(ErrorKind::bad_data, names.labels,
            "labels, expected one for each of {} samples, got {}", size(),
            to_string(labels.shape()));
    labels_ = checked_labels(names.labels, labels, classes);
    GRADUS_CHECK(class_names_.empty() || static_cast<int64_t>(class_names_.size()) == classes,
                 "[{}] names of classes, expected {}, got {}", names.labels, classes,
                 class_names_.size());
  }

  int64_t size() const override { return inputs_.size(); }
  Shape sample_shape() const override { return inputs_.sample_shape(); }
  Shape target_shape() const override { return {}; }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return classes_; }
  std::span<const int64_t> labels() const override { return labels_; }
  std::vector<std::string> class_names() const override { return class_names_; }

  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (size_t i = 0; i < indices.size(); ++i)
      targets.data_as<int64_t>()[first + static_cast<int64_t>(i)] =
          labels_[static_cast<size_t>(indices[i])];
    inputs_.fill(indices, first, inputs);
  }

 private:
  InputRows inputs_;
  std::vector<int64_t> labels_;
  int64_t classes_;
  std::vector<std::string> class_names_;
};

}  // namespace

std::unique_ptr<Dataset> make_labelled_dataset(const LabelledNames& names, Tensor inputs,
                                               const Tensor& labels, int64_t classes,
                                               const Normalisation& normalisation,
                                               std::vector<std::string> class_names) {
  return std::make_unique<LabelledDataset>(names, std::move(inputs), labels, classes, normalisation,
                                           std::move(class_names));
}

}  // namespace gradus
