// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/sources.h"
#include "data/split.h"
#include "data/task.h"

namespace gradus {

// Arrays of inputs (samples, ...) and targets: integers (samples) are classes, integers and bool
// (samples, labels) are labels of 0 or 1, floats (samples) or (samples, outputs) are numbers to
// come near to, if the task does not say otherwise. Inputs of rank 3 get one channel; bytes stand
// for values in units of 1 / 255.
struct ArraySource {
  ImageFolder images;    // its path, normalisation, seed and augmentation
  bool archive = false;  // the path is an .npz file, else a folder with INPUTS.npy and TARGETS.npy
  std::string inputs = "x", targets = "y";
  Task task = Task::automatic;
  SplitPlan split = {};
};

// With arrays INPUTS_train and TARGETS_train, those and _val and _test are the parts; else `split`
// divides INPUTS and TARGETS. Throws not_found and bad_data naming file and array. Null for a
// validation split without samples; without a test part the test split is the validation part.
std::unique_ptr<Dataset> load_arrays(const ArraySource& source, Split split);

}  // namespace gradus
