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

struct NamedFile {
  std::string path;
  std::string fault = {};  // why it cannot be looked into; empty: nothing is known
};

// Files of what people name: a file is itself, a folder all files below it whose names end as a run
// with this card can read (.png, .jpg, .jpeg, .npy; of tables .csv, .tsv), possibly with .gz, in
// order. Hidden files are left out. What is not there, and a folder without such files, is a fault;
// throws not_found, or io, where nothing else is left.
std::vector<NamedFile> input_files(const std::vector<std::string>& inputs, const DataCard& card);

// Reads files by their first bytes: PNG, JPEG, .npy, .npz and IDX, or as a table where the run
// learnt from tables. A table needs no column to predict, and further columns are left out; a row
// that cannot be read is a fault of its own, and so is a row of an array that is not finite. Of a
// run that learnt a series, a table is one sample: its last rows, after which the model goes on.
void read_inputs(const std::vector<NamedFile>& files, const DataCard& card, const Recipe& recipe,
                 const InputVisitor& visitor);

}  // namespace gradus
