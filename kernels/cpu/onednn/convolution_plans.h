// SPDX-License-Identifier: Apache-2.0
// What the three directions of a convolution on oneDNN share.
#pragma once

#include "kernels/convolution.h"
#include "kernels/cpu/onednn/adapter.h"

namespace gradus::kernels::onednn {

inline constexpr int64_t most_image_chunks = 16;

// oneDNN counts in 32 bits; also not where nothing is to compute.
bool convolution_in_range(const ConvolutionShape& s);

// A convolution of `images` images in oneDNN's terms: two spatial dims where depth is trivial. The
// weight is in the layout that oneDNN chooses.
struct ConvolutionDescs {
  Desc input, output, bias, weight;
  Dims stride, dilation, padding, padding_end;

  ConvolutionDescs(const ConvolutionShape& s, int64_t images, bool with_bias);
  dnnl::convolution_forward::primitive_desc forward(dnnl::prop_kind prop) const;
};

// The weight as we have it.
Desc plain_weight(const ConvolutionShape& s);

// One direction of a convolution, cut into chunks of images. The last chunk takes the weight in the
// layout that was chosen for the others.
class ConvolutionPlans {
 public:
  ConvolutionPlans(Kind kind, const ConvolutionShape& s, bool with_bias, int64_t most_chunks);

  explicit operator bool() const { return plans_ && to_chosen_ && to_plain_; }
  const Chunks& chunks() const { return chunks_; }
  const Plan& of(int64_t chunk) const { return plans_.of(chunks_, chunk); }
  // Reorders of the weight, or of its gradient.
  const Plan& to_chosen() const { return *to_chosen_; }
  const Plan& to_plain() const { return *to_plain_; }
  int64_t weight_bytes() const { return to_chosen_->bytes(DNNL_ARG_TO); }
  // For each chunk; as much as a reorder needs too.
  int64_t scratchpad_bytes() const;

 private:
  PlanPointer make(int64_t images) const;

  Kind kind_;
  ConvolutionShape shape_;
  bool with_bias_;
  Chunks chunks_;
  ChunkPlans plans_;
  PlanPointer to_chosen_, to_plain_;
};

}  // namespace gradus::kernels::onednn
