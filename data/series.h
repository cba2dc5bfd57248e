// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "data/column_scale.h"
#include "data/dataset.h"
#include "data/learnt_coding.h"
#include "data/sources.h"

namespace gradus {

// Rows that follow each other in time, at equal distances. A sample is a window: of each input
// column the values of `history` rows, and to predict, of each target column those of the `horizon`
// rows after them.
struct SeriesSource {
  std::string path;  // a .csv or .tsv file, possibly with .gz
  char delimiter = 0;
  bool header = true;
  std::vector<std::string> targets = {};  // columns to predict; empty: the last of numbers
  std::vector<std::string> dropped = {};  // columns that are not used; dates never are
  int64_t history = 24;
  int64_t horizon = 1;
  // The value of each column in the window's last row is taken off the window's inputs and targets:
  // the model sees and predicts changes, which do not leave the range of training as a trend does.
  bool relative = false;
  Scaling scaling = Scaling::standard;
  Scaling target_scaling = Scaling::standard;
  // Shares of the windows, the latest ones: training comes before validation, that before the test.
  double validation = 0;
  double test = 0;
  // Where a model has learnt already: its columns and scales. Its targets are as many as here.
  std::optional<LearntCoding> learnt = {};
};

// What the value of a column so many rows after a window's last is called: "ppm+1".
std::string series_target_name(const std::string& column, int64_t rows);

// One part of a series: inputs of shape (columns * history), a column after the other, targets of
// shape (targets * horizon). No target of a part stands in another part, and nothing that comes
// after a window's history is seen in its inputs or in a scale: scales come from the training rows.
// Dataset::table_fields() are the input columns. Null where there is no validation part; without a
// test part the test split is the validation part. Throws as read_csv and make_table, bad_data for
// a missing cell, a column of text and a series too short for a window in each part,
// invalid_argument for sizes and shares out of range.
std::unique_ptr<Dataset> load_series(const SeriesSource& source, Split split);

}  // namespace gradus
