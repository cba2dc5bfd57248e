// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/onednn/convolution_plans.h"

namespace gradus::kernels::onednn {
namespace {

constexpr int64_t largest_size = 1 << 15;
constexpr int64_t largest_elements = int64_t{1} << 29;  // of a forward chunk; others are twice it

bool is_flat(const ConvolutionShape& s) {
  return s.input[0] == 1 && s.kernel[0] == 1 && s.output[0] == 1 && s.padding[0] == 0;
}

// The spatial entries of `sizes` that count.
Dims spatial(const ConvolutionShape& s, const std::array<int64_t, 3>& sizes) {
  return {sizes.begin() + (is_flat(s) ? 1 : 0), sizes.end()};
}

Dims joined(Dims front, const Dims& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

Key convolution_key(Kind kind, const ConvolutionShape& s, int64_t images, int64_t chunk,
                    bool with_bias) {
  Key key{kind, images, chunk, s.in_channels, s.out_channels, s.groups, s.channels_last, with_bias};
  for (const auto* sizes : {&s.input, &s.output, &s.kernel, &s.stride, &s.padding, &s.dilation})
    key.insert(key.end(), sizes->begin(), sizes->end());
  return key;
}

int weight_argument(Kind kind) {
  return kind == convolution_backward_weight_kind ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS;
}

PlanPointer describe_convolution(Kind kind, const ConvolutionDescs& d) {
  const auto direct = dnnl::algorithm::convolution_direct;
  if (kind == convolution_kind)
    return plan_of(d.forward(dnnl::prop_kind::forward_inference),
                   {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST});
  const auto hint = d.forward(dnnl::prop_kind::forward_training);
  if (kind == convolution_backward_input_kind)
    return plan_of(describe_backward<dnnl::convolution_backward_data>(
                       hint, direct, d.input, d.weight, d.output, d.stride, d.dilation, d.padding,
                       d.padding_end),
                   {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST});
  return plan_of(describe_backward<dnnl::convolution_backward_weights>(
                     hint, direct, d.input, d.weight, d.output, d.stride, d.dilation, d.padding,
                     d.padding_end),
                 {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST});
}

// Dims of the weight, groups first where there are several.
Dims weight_dims(const ConvolutionShape& s) {
  const Dims channels = s.groups > 1 ? Dims{s.groups, s.group_out_channels(), s.group_in_channels()}
                                     : Dims{s.out_channels, s.in_channels};
  return joined(channels, spatial(s, s.kernel));
}

}  // namespace

bool convolution_in_range(const ConvolutionShape& s) {
  for (size_t d = 0; d < 3; ++d)
    for (const int64_t size : {s.input[d], s.output[d], s.kernel[d], s.stride[d], s.padding[d],
                               s.dilation[d], s.dilation[d] * s.kernel[d]})
      if (size > largest_size) return false;
  const int64_t images = Chunks(s.batch, most_image_chunks).size;
  const int64_t channels = std::max(s.in_channels, s.out_channels);
  if (channels > largest_size || images > largest_size) return false;
  const auto fits = [](std::initializer_list<int64_t> factors) {
    double product = 1;
    for (const int64_t factor : factors) product *= static_cast<double>(factor);
    return product > 0 && product <= static_cast<double>(largest_elements);
  };
  return fits({images, s.in_channels, s.input_size()}) &&
         fits({images, s.out_channels, s.output_size()}) &&
         fits({s.out_channels, s.group_in_channels(), s.kernel_size()});
}

ConvolutionDescs::ConvolutionDescs(const ConvolutionShape& s, int64_t images, bool with_bias)
    : stride(spatial(s, s.stride)),
      dilation(spatial(s, s.dilation)),
      padding(spatial(s, s.padding)),
      padding_end(padding) {
  const bool flat = is_flat(s);
  const Tag tag = s.channels_last ? (flat ? Tag::nhwc : Tag::ndhwc) : flat ? Tag::nchw : Tag::ncdhw;
  const Dims in = spatial(s, s.input), out = spatial(s, s.output), kernel = spatial(s, s.kernel);
  input = Desc(joined({images, s.in_channels}, in), f32, tag);
  output = Desc(joined({images, s.out_channels}, out), f32, tag);
  if (with_bias) bias = Desc({s.out_channels}, f32, Tag::a);
  weight = Desc(weight_dims(s), f32, Tag::any);
  for (size_t d = 0; d < in.size(); ++d) {
    // What the last window reaches past the input; less than nothing where it ends before.
    padding_end[d] =
        (out[d] - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1 - in[d] - padding[d];
    dilation[d] -= 1;  // oneDNN counts the gaps
  }
}

Desc plain_weight(const ConvolutionShape& s) {
  const bool flat = is_flat(s);
  if (s.groups > 1) return Desc(weight_dims(s), f32, flat ? Tag::goihw : Tag::goidhw);
  return Desc(weight_dims(s), f32, flat ? Tag::oihw : Tag::oidhw);
}

dnnl::convolution_forward::primitive_desc ConvolutionDescs::forward(dnnl::prop_kind prop) const {
  return describe<dnnl::convolution_forward>(prop, dnnl::algorithm::convolution_direct, input,
                                             weight, bias, output, stride, dilation, padding,
                                             padding_end);
}

ConvolutionPlans::ConvolutionPlans(Kind kind, const ConvolutionShape& s, bool with_bias,
                                   int64_t most_chunks)
    : kind_(kind),
      shape_(s),
      with_bias_(with_bias),
      chunks_(s.batch, most_chunks),
      plans_(chunks_, [this](int64_t images) { return make(images); }) {
  if (!plans_) return;
  const Desc chosen = plans_.full->desc(weight_argument(kind));
  Key key = convolution_key(kind, s, chunks_.size, chunks_.size, with_bias);
  key.push_back(0);
  to_chosen_ = reorder_plan(plain_weight(s), chosen, key);
  key.back() = 1;
  to_plain_ = reorder_plan(chosen, plain_weight(s), key);
}

PlanPointer ConvolutionPlans::make(int64_t images) const {
  return plan_for(convolution_key(kind_, shape_, images, chunks_.size, with_bias_),
                  [&]() -> PlanPointer {
                    ConvolutionDescs descs(shape_, images, with_bias_);
                    if (images != chunks_.size) {
                      const PlanPointer full = make(chunks_.size);
                      if (!full) return nullptr;
                      descs.weight = full->desc(weight_argument(kind_));
                    }
                    return describe_convolution(kind_, descs);
                  });
}

int64_t ConvolutionPlans::scratchpad_bytes() const {
  return std::max(
      {plans_.scratchpad_bytes(), to_chosen_->scratchpad_bytes, to_plain_->scratchpad_bytes});
}

}  // namespace gradus::kernels::onednn
