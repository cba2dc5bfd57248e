// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  const int spatial = in[0].rank() - 2;
  GRADUS_CHECK(spatial >= 1 && spatial <= 3,
               "[global_avg_pool] input, expected (batch, channels, 1 to 3 dims), got {}",
               to_string(in[0].shape()));
  const AttrValue::Integers ones(static_cast<size_t>(spatial), 1);
  return {apply1("adaptive_avg_pool", {in[0]}, {{"output_size", ones}})};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {2, 3, 7}}}},
          {.inputs = {{.shape = {2, 3, 4, 5}}}},
          {.inputs = {{.shape = {1, 2, 2, 3, 2}}}},
          {.inputs = {{.shape = {1, 1, 1, 1}}}},
          {.inputs = {{.shape = {0, 3, 4, 4}}}},
          {.inputs = {{.shape = {32, 256, 14, 14}}}, .bench = true}};
}

}  // namespace

OpDef global_avg_pool_op() {
  return {.name = "global_avg_pool",
          .doc =
              "the mean over all dims after (batch, channels), which become 1: the same model "
              "takes images of any size",
          .inputs = {{"input"}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
