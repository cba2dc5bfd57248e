// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/data_card.h"

namespace gradus {

// Where a sample comes from: a file, its row in an array from 0, or its line in a table from 1.
struct SamplePlace {
  std::string file;
  int64_t row = -1, line = -1;
  // What each of the model's outputs is relative to; empty: 0.
  std::vector<double> base = {};

  std::string text() const;  // "FILE", "FILE[ROW]", "FILE:LINE"
};

struct InputVisitor {
  // Samples in order, coded as training coded them.
  std::function<void(const Dataset& samples, const std::vector<SamplePlace>& places)> samples;
  // What cannot be read; the next ones are tried.
  std::function<void(const SamplePlace& place, const std::string& message)> fault;
};

// Files of what people name: a file is itself, a folder all files below it whose names end as a run
// with this card can read (.png, .jpg, .jpeg, .npy; of tables .csv, .tsv), possibly with .gz, in
// order. Hidden files are left out. Throws not_found for what is not there and for a folder without
// such files.
std::vector<std::string> input_files(const std::vector<std::string>& inputs, const DataCard& card);

// Reads files by their first bytes: PNG, JPEG, .npy, .npz and IDX, or as a table where the run
// learnt from tables. A table needs no column to predict, and further columns are left out. Of a
// run that learnt a series, a table is one sample: its last rows, after which the model goes on.
void read_inputs(const std::vector<std::string>& files, const DataCard& card, const Recipe& recipe,
                 const InputVisitor& visitor);

}  // namespace gradus
