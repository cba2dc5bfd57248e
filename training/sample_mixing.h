// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/philox.h"
#include "engine/tensor/tensor.h"
#include "training/recipe.h"

namespace gradus {

// Mixes the samples of a batch in pairs: all of two images by shares (mixup, Zhang et al. 2018), or
// a box of one pasted into the other (CutMix, Yun et al. 2019). Where both are on each batch draws
// one.
struct SampleMixing {
  double mixup = 0, cutmix = 0;  // alpha of the share's beta distribution; 0: off

  bool on() const { return mixup > 0 || cutmix > 0; }
};

SampleMixing make_sample_mixing(const Recipe& recipe);

// The partner of sample i in `inputs` is that at (i + shift) mod batch.
struct Mixture {
  double share = 1;  // of a sample itself; the rest is its partner's
  int64_t shift = 0;
};

// Mixes `inputs` (batch, ..., height, width; f32 or f64) in place and gives `partners` the targets
// of each sample's partner. What is drawn depends on `rng` alone.
Mixture mix_samples(const SampleMixing& mixing, const RngState& rng, Tensor& inputs,
                    const Tensor& targets, Tensor& partners);

// A number of the beta distribution (alpha, alpha), from the words of a stream beginning at
// `index`, which moves on.
double beta_number(double alpha, PhiloxKey key, uint64_t& index);

}  // namespace gradus
