// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return adaptive_pool("adaptive_max_pool", in, attrs, 1, "adaptive_max_pool1d");
}

std::vector<Sample> samples() {
  const SampleInput x{.shape = {2, 3, 7}, .fill = Fill::distinct};
  return {{.inputs = {x}, .attrs = {{"output_size", 2}}},
          {.inputs = {{.shape = {3, 7}, .fill = Fill::distinct}},
           .attrs = {{"output_size", AttrValue::Integers{3}}}},
          {.inputs = {{.shape = {1, 1, 1}}}, .attrs = {{"output_size", 1}}},
          {.inputs = {{.shape = {0, 3, 7}}}, .attrs = {{"output_size", 2}}},
          {.inputs = {{.shape = {32, 64, 1024}}}, .attrs = {{"output_size", 4}}, .bench = true}};
}

}  // namespace

OpDef adaptive_max_pool1d_op() {
  return {.name = "adaptive_max_pool1d",
          .doc =
              "the largest values of windows that split the last dim into output_size parts, and "
              "their indices there, flattened",
          .inputs = {{"input"}},
          .outputs = {"output", "indices"},
          .attributes = {{"output_size", AttrType::integers, {}, true}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
