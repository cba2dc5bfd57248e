// SPDX-License-Identifier: Apache-2.0
// Random changes of training images that leave their class as it is.
#pragma once

#include "data/dataset.h"
#include "engine/base/philox.h"

namespace gradus {

// Each is off at its default. In this order: rotation and zoom (one bilinear warp about the centre;
// what comes in from outside is 0), flips, shift, brightness, contrast, saturation, noise, clamping
// to [0, 1] where colours changed, erasing.
struct Augmentation {
  double rotation = 0;         // degrees, drawn from [-rotation, rotation]
  double zoom = 0;             // size, drawn from [1 - zoom, 1 + zoom]
  bool flip = false;           // left and right, half of the time
  bool flip_vertical = false;  // top and bottom, half of the time
  int64_t shift = 0;           // pixels both ways, as a random crop after padding by `shift` zeros
  double brightness = 0;       // added, from [-brightness, brightness]
  double contrast = 0;         // distance from the image's mean times [1 - contrast, 1 + contrast]
  double saturation = 0;  // distance from the pixel's grey times [1 - saturation, 1 + saturation]
  double noise = 0;       // deviation of normal noise
  double erase = 0;       // probability that a rectangle of random place and shape becomes 0
  double erase_least = 0.02;  // its area as a share of the image's
  double erase_most = 0.33;

  bool any() const;
};

// One image (channels, height, width) with values in [0, 1], in place; the draws are words of the
// stream `key`. `scratch` holds as many values. Throws nothing.
template <class T>
void augment(const Augmentation& options, PhiloxKey key, const Shape& shape, T* image, T* scratch);

// The stream of one sample in one epoch.
PhiloxKey augmentation_key(uint64_t seed, uint64_t epoch, int64_t sample);

// `images`: samples (channels, height, width) with values in [0, 1]. Its fill_training augments,
// its fill does not; then both normalise. Throws invalid_argument for options out of range, samples
// that are not images and a normalisation that does not fit.
std::unique_ptr<Dataset> make_augmented_dataset(std::shared_ptr<const Dataset> images,
                                                const Augmentation& options,
                                                const Normalisation& normalisation, uint64_t seed);

}  // namespace gradus
