// SPDX-License-Identifier: Apache-2.0
#include "data/arrays.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "data/file_bytes.h"
#include "data/npy.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using Arrays = std::map<std::string, Tensor>;

// Those of a folder of the names that matter.
Arrays read_folder(const ArraySource& source) {
  Arrays arrays;
  std::error_code ignored;
  for (const char* part : {"", "_train", "_val", "_test"})
    for (const std::string& name : {source.inputs + part, source.targets + part}) {
      const std::string path = find_packed(source.images.path + "/" + name + ".npy");
      if (std::filesystem::exists(path, ignored)) arrays[name] = read_npy(path);
    }
  return arrays;
}

const Tensor& array(const Arrays& arrays, const std::string& name, const ArraySource& source) {
  const auto found = arrays.find(name);
  if (found != arrays.end()) return found->second;
  std::string names;
  for (const auto& [known, tensor] : arrays) names += (names.empty() ? "" : ", ") + known;
  failf(ErrorKind::bad_data, source.images.path,
        "no array '{}'; data.inputs and data.targets name them; there are: {}", name,
        names.empty() ? "none" : names);
}

// All classes from 0 to the largest that any part has.
int64_t classes_in(const Arrays& arrays, const ArraySource& source) {
  int64_t classes = 2;
  for (const auto& [name, tensor] : arrays) {
    const bool one_each =
        tensor.shape().rank() == 1 || (tensor.shape().rank() == 2 && tensor.shape()[1] == 1);
    if (!name.starts_with(source.targets) || !one_each) continue;
    const Tensor wide = tensor.cast(DType::i64);
    for (int64_t i = 0; i < wide.numel(); ++i)
      classes = std::max(classes, std::min<int64_t>(wide.data_as<int64_t>()[i], 1 << 30) + 1);
  }
  return classes;
}

// (samples, height, width) -> (samples, 1, height, width); others as they are.
Tensor with_channel(Tensor inputs) {
  if (inputs.shape().rank() != 3) return inputs;
  Shape shape = inputs.shape();
  shape.insert(1, 1);
  return inputs.reshape(shape);
}

bool is_whole(const Tensor& targets) {
  return is_integral(targets.dtype()) || targets.dtype() == DType::bool_;
}

Task task_of(const Tensor& targets, Task task) {
  if (task != Task::automatic) return task;
  if (!is_whole(targets)) return Task::regression;
  const bool several = targets.shape().rank() == 2 && targets.shape()[1] > 1;
  return several ? Task::multilabel : Task::classification;
}

[[noreturn]] void refuse(const ArraySource& source, const Tensor& targets,
                         std::string_view expected) {
  failf(ErrorKind::bad_data, source.images.path, "targets, expected {}, got {} {}", expected,
        dtype_name(targets.dtype()), to_string(targets.shape()));
}

std::unique_ptr<Dataset> make_classes(const ArraySource& source, const Arrays& arrays,
                                      const std::string& part, const std::string& name,
                                      Tensor inputs) {
  Tensor targets = array(arrays, source.targets + part, source);
  if (targets.shape().rank() == 2 && targets.shape()[1] == 1)
    targets = targets.reshape({targets.shape()[0]});
  if (!is_whole(targets))
    refuse(source, targets, "integers (samples) for classes; data.task=regression takes floats");
  const int64_t classes = classes_in(arrays, source);
  if (source.task == Task::binary && classes > 2)
    failf(ErrorKind::bad_data, source.images.path,
          "targets, expected 0 and 1 for data.task=binary, got {}; data.task=classification takes "
          "more",
          classes - 1);
  const Normalisation scale{inputs.dtype() == DType::u8 ? 255.0 : 1.0};
  return make_labelled_dataset({name, source.images.path + ":" + source.targets + part},
                               std::move(inputs), targets.cast(DType::i64), classes, scale,
                               source.images.class_names);
}

std::unique_ptr<Dataset> make_set(const ArraySource& source, const Arrays& arrays,
                                  const std::string& part) {
  const std::string name = source.images.path + ":" + source.inputs + part;
  Tensor inputs = array(arrays, source.inputs + part, source);
  const Normalisation scale{inputs.dtype() == DType::u8 ? 255.0 : 1.0};
  if (source.task == Task::reconstruction && inputs.shape().rank() > 0) {
    const Tensor none = Tensor::zeros(DType::i64, {inputs.shape()[0]});
    return make_labelled_dataset({name, name}, with_channel(std::move(inputs)), none, 2, scale);
  }
  const Tensor& targets = array(arrays, source.targets + part, source);
  inputs = with_channel(std::move(inputs));
  const Task task = task_of(targets, source.task);
  if (task == Task::classification || task == Task::binary)
    return make_classes(source, arrays, part, name, std::move(inputs));
  const bool labels = task == Task::multilabel;
  const int rank = targets.shape().rank();
  if ((!is_whole(targets) && !is_floating(targets.dtype())) || rank < 1 || rank > 2)
    refuse(source, targets,
           labels ? "0 and 1 of shape (samples, labels)"
                  : "integers (samples) or floats (samples, outputs)");
  const int64_t outputs = rank == 1 ? 1 : targets.shape()[1];
  return make_value_dataset(name, std::move(inputs), targets.reshape({targets.shape()[0], outputs}),
                            scale, std::vector<ColumnScale>(static_cast<size_t>(outputs)), labels,
                            labels ? source.images.class_names : std::vector<std::string>{});
}

// Rows of any rank are normalised as they are; images go through the augmentation.
std::unique_ptr<Dataset> finish(std::unique_ptr<Dataset> set, const ArraySource& source,
                                Split split) {
  const ImageFolder& options = source.images;
  const bool plain = !options.augmentation.any() && options.mean == std::vector<double>{0} &&
                     options.deviation == std::vector<double>{1};
  if (plain) return set;
  return make_augmented_dataset(std::move(set),
                                split == Split::train ? options.augmentation : Augmentation{},
                                {1, options.mean, options.deviation}, options.seed);
}

}  // namespace

std::unique_ptr<Dataset> load_arrays(const ArraySource& source, Split split) {
  const Arrays arrays = source.archive ? read_npz(source.images.path) : read_folder(source);
  if (arrays.contains(source.inputs + "_train")) {
    GRADUS_CHECK(source.split.validation == 0 && source.split.test == 0 && source.split.folds == 0,
                 "[data] {} has its own parts, expected no shares or folds", source.images.path);
    const bool test = arrays.contains(source.inputs + "_test");
    const bool validation = arrays.contains(source.inputs + "_val");
    if (split == Split::validation && !validation) return nullptr;
    const char* part = split == Split::train          ? "_train"
                       : split == Split::test && test ? "_test"
                                                      : "_val";
    return finish(make_set(source, arrays, part), source, split);
  }
  std::unique_ptr<Dataset> whole = make_set(source, arrays, "");
  SplitParts parts = split_samples(whole->size(), whole->labels(), source.split);
  std::vector<int64_t>& chosen = split == Split::train                         ? parts.train
                                 : split == Split::test && !parts.test.empty() ? parts.test
                                                                               : parts.validation;
  if (chosen.empty() && split == Split::validation) return nullptr;
  GRADUS_CHECK(!chosen.empty(), "[{}] there is no test part: data.test is its share",
               source.images.path);
  return finish(make_subset(std::move(whole), std::move(chosen)), source, split);
}

}  // namespace gradus
