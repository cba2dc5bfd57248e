// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "data/dataset.h"
#include "data/learnt_coding.h"
#include "data/sources.h"
#include "data/split.h"
#include "data/table_encoder.h"
#include "data/task.h"

namespace gradus {

// Tables of numbers, dates and categories with columns to predict. `path` is a .csv or .tsv file
// (possibly with .gz), or a folder with train.csv or train.tsv and possibly val and test beside it;
// those take the place of the split's shares.
struct TabularSource {
  std::string path;
  char delimiter = 0;  // 0: a tab for .tsv, else a comma
  bool header = true;
  std::vector<std::string> targets = {};  // columns to predict; empty: the last one
  TableSchema schema = {};
  // automatic: classification where the target is a category, or whole numbers of which at most
  // most_number_classes differ; multilabel where there are several, all of them 0 or 1.
  Task task = Task::automatic;
  TableCoding coding = {};
  Scaling target_scaling = Scaling::none;  // of numbers to predict, which labels are not
  SplitPlan split = {};
  // Where a model has learnt already: how, in place of `coding`, `task` and `target_scaling`.
  std::optional<LearntCoding> learnt = {};
};
inline constexpr int64_t most_number_classes = 20;

// One part of a table; inputs and targets are coded by what the training part says. Null where the
// validation part has no rows; without a test part the test split is the validation part. Throws
// not_found, bad_data and invalid_argument as read_csv, make_table, split_samples and TableEncoder,
// for a missing target (which reconstruction does without: a data set of it has labels that mean
// nothing), for classes fewer than 2 that nobody has learnt, where the targets are not what the
// task takes, for .csv and .tsv of one part, and as TableEncoder for columns that are not those
// learnt from.
std::unique_ptr<Dataset> load_table(const TabularSource& source, Split split);

}  // namespace gradus
