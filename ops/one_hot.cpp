// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "engine/base/error.h"
#include "kernels/scatter.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const int64_t classes = args.attrs.integer("num_classes");
  GRADUS_CHECK(classes >= 0,
               "[one_hot] attribute 'num_classes', expected at least 0 in a graph, whose shapes "
               "cannot depend "
               "on data, got {}",
               classes);
  TensorSpec out{DType::i64, args.in[0].shape};
  out.shape.push_back(classes);
  (void)out.bytes();
  return {out};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const int64_t rows = in.numel(), classes = args.attrs.integer("num_classes");
  if (out.numel() > 0)
    std::memset(out.data, 0, static_cast<size_t>(dtype_bytes(out.dtype, out.numel())));
  kernels::scatter_cpu({out.dtype,
                        out.data,
                        {rows, classes},
                        index_array(in),
                        {rows, 1},
                        1,
                        nullptr,
                        {},
                        1,
                        out.data,
                        "one_hot"});
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {index({5}, 3, DType::i64)}, .attrs = {{"num_classes", 3}}},
      {.inputs = {index({2, 3}, 4, DType::i32)}, .attrs = {{"num_classes", 7}}},
      {.inputs = {index({}, 2, DType::i64)}, .attrs = {{"num_classes", 2}}},
      {.inputs = {index({1}, 1, DType::i64)}, .attrs = {{"num_classes", 1}}},
      {.inputs = {index({0, 2}, 4, DType::i64)}, .attrs = {{"num_classes", 4}}},
      {.inputs = {index({8192}, 256, DType::i64)}, .attrs = {{"num_classes", 256}}, .bench = true}};
}

}  // namespace

OpDef one_hot_op() {
  return {
      .name = "one_hot",
      .doc =
          "i64 zeros with a 1 at each class: (...) to (..., num_classes); -1, the largest class "
          "plus 1, in `op run` only",
      .inputs = {{"input", InputKind::required, false}},
      .attributes = {{"num_classes", AttrType::integer, -1}},
      .dtypes = dtype_set({DType::i64, DType::i32}),
      .infer = infer,
      .no_grad = "integer input and output",
      .cpu = {{"reference", run}},
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, least_bytes(query)};
      }};
}

}  // namespace gradus
