// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/image_file.h"
#include "data/sources.h"
#include "data/split.h"

namespace gradus {

// PNG and JPEG files (.png, .jpg, .jpeg) in a folder for each class: PATH/train/CLASS/FILE with val
// and test beside train, or PATH/CLASS/FILE, which `split` divides. Classes are numbered in the
// order of their names. Images are cut and scaled to (channels, height, width) when they are used.
struct ImageTree {
  ImageFolder images;  // its path, normalisation, seed and augmentation
  int64_t channels = 3, height = 224, width = 224;
  SplitPlan split = {};
};

// Throws not_found, and bad_data for a tree without classes or images and for classes that differ
// between parts. An image that cannot be decoded throws bad_data, naming the file, when a batch
// with it is filled. Null for a validation split without samples; without a test part the test
// split is the validation part.
std::unique_ptr<Dataset> load_image_tree(const ImageTree& tree, Split split);

}  // namespace gradus
