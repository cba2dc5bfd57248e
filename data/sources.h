// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/dataset.h"

namespace gradus {

enum class Split { train, validation, test };
std::string_view split_name(Split split);  // "train", "validation", "test"

// A folder with the four files of the MNIST family: train- and t10k- images-idx3-ubyte and
// labels-idx1-ubyte, each possibly with .gz. The images become (channels 1, height, width) floats
// in units of 1 / 255, normalised with `mean` and `deviation`.
struct ImageFolder {
  std::string path;
  int64_t classes = 10;
  double mean = 0;
  double deviation = 1;
  // The last samples of the training files in a random order of `split_seed` are kept for
  // validation.
  int64_t validation_samples = 0;
  uint64_t split_seed = 0;
};

// Throws as read_idx and make_labelled_dataset. Null for the validation split where it has no
// samples.
std::unique_ptr<Dataset> load_images(const ImageFolder& folder, Split split);

// A folder with train.txt, val.txt and possibly test.txt (else the test split is val.txt); a token
// is a byte.
struct TextFolder {
  std::string path;
  int64_t length = 128;  // tokens a sample
};
inline constexpr int64_t byte_vocabulary = 256;

std::unique_ptr<Dataset> load_text(const TextFolder& folder, Split split);

}  // namespace gradus
