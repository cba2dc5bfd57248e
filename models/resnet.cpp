// SPDX-License-Identifier: Apache-2.0
#include "models/resnet.h"

#include <fmt/core.h>

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

struct Plan {
  std::vector<int64_t> blocks;  // per stage
  int64_t width = 64;           // channels of the first stage; each later one has twice as many
  bool bottleneck = false;
  bool small_images = false;
};

Plan plan_of(int64_t depth) {
  if (depth == 18) return {.blocks = {2, 2, 2, 2}};
  if (depth == 34) return {.blocks = {3, 4, 6, 3}};
  if (depth == 50) return {.blocks = {3, 4, 6, 3}, .bottleneck = true};
  GRADUS_CHECK(depth >= 8 && depth <= 1202 && depth % 6 == 2,
               "[resnet] depth, expected 18, 34, 50 or 6 n + 2 for small images, got {}", depth);
  const int64_t n = (depth - 2) / 6;
  return {.blocks = {n, n, n}, .width = 16, .small_images = true};
}

struct BlockBuilder {
  Place& place;
  const Plan& plan;
  double last_scale;  // of the last norm of a block

  Value conv_norm(std::string_view number, Value x, int64_t out, const ConvOptions& options,
                  double scale = 1) {
    x = conv2d_layer(place, fmt::format("conv{}", number), x, out, options);
    return batch_norm_layer(place, fmt::format("bn{}", number), x, 0.1, 1e-5, scale);
  }

  Value shortcut(Value x, int64_t out, int64_t stride) {
    if (x.shape()[1] == out && stride == 1) return x;
    const Graph::Scope scope(place.graph, "downsample");
    x = conv2d_layer(place, "0", x, out, {.kernel = 1, .stride = stride, .padding = 0});
    return batch_norm_layer(place, "1", x);
  }

  Value block(Value x, int64_t width, int64_t stride) {
    const int64_t out = plan.bottleneck ? 4 * width : width;
    Value y;
    if (plan.bottleneck) {
      const ConvOptions pointwise = {.kernel = 1, .padding = 0};
      y = relu(conv_norm("1", x, width, pointwise));
      y = relu(conv_norm("2", y, width, {.stride = stride}));
      y = conv_norm("3", y, out, pointwise, last_scale);
    } else {
      y = relu(conv_norm("1", x, width, {.stride = stride}));
      y = conv_norm("2", y, out, {}, last_scale);
    }
    return relu(y + shortcut(x, out, stride));
  }
};

}  // namespace

Value Resnet::build(Place& place, Value x) const {
  const Plan plan = plan_of(depth);
  BlockBuilder builder{place, plan, zero_init_residual ? 0.0 : 1.0};
  const bool small = small_stem || plan.small_images;
  const ConvOptions stem =
      small ? ConvOptions{} : ConvOptions{.kernel = 7, .stride = 2, .padding = 3};
  x = relu(builder.conv_norm("1", x, plan.width, stem));
  if (!small) x = apply1("max_pool2d", {x}, {{"kernel_size", 3}, {"stride", 2}, {"padding", 1}});
  for (size_t stage = 0; stage < plan.blocks.size(); ++stage) {
    const Graph::Scope scope(place.graph, fmt::format("layer{}", stage + 1));
    for (int64_t index = 0; index < plan.blocks[stage]; ++index) {
      const Graph::Scope block_scope(place.graph, fmt::format("{}", index));
      x = builder.block(x, plan.width << stage, stage > 0 && index == 0 ? 2 : 1);
    }
  }
  return linear_layer(place, "fc", mean(x, {2, 3}), classes);
}

}  // namespace gradus
