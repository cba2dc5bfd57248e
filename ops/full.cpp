// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/tensor/tensor.h"
#include "kernels/fill.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec spec{args.attrs.dtype("dtype"), Shape(args.attrs.integers("size"))};
  GRADUS_CHECK(contains(all_types, spec.dtype), "[full] dtype {} is for storage only",
               dtype_name(spec.dtype));
  (void)spec.bytes();
  if (!is_floating(spec.dtype))
    (void)element_value(args.op, "fill_value", args.attrs.real("fill_value"), spec.dtype);
  return {spec};
}

void run(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  const int64_t count = out.numel();
  if (count == 0) return;
  double value = args.attrs.real("fill_value");
  if (!is_floating(out.dtype)) value = element_value("full", "fill_value", value, out.dtype);
  const int64_t width = dtype_bits(out.dtype) / 8;
  convert(DType::f64, &value, out.dtype, out.data, 1);
  // Doubles what is filled until all is.
  char* bytes = out.as<char>();
  for (int64_t done = 1; done < count; done *= 2)
    std::copy_n(bytes, std::min(done, count - done) * width, bytes + done * width);
}

template <class>
void run_cuda(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  double value = args.attrs.real("fill_value");
  if (!is_floating(out.dtype)) value = element_value("full", "fill_value", value, out.dtype);
  kernels::fill_cuda(
      {element_bytes(out.dtype), element_bits(value, out.dtype), out.data, out.numel()},
      args.stream);
}

std::vector<Sample> samples() {
  return {
      {.inputs = {}, .attrs = {{"size", AttrValue::Integers{}}, {"fill_value", 2.5}}},
      {.inputs = {},
       .attrs = {{"size", AttrValue::Integers{3, 5}}, {"fill_value", -1}, {"dtype", DType::i64}}},
      {.inputs = {},
       .attrs = {{"size", AttrValue::Integers{0, 2}}, {"fill_value", 1.5}, {"dtype", DType::bf16}}},
      {.inputs = {}, .attrs = {{"size", 7}, {"fill_value", 1}, {"dtype", DType::bool_}}},
      {.inputs = {}, .attrs = {{"size", 1 << 20}, {"fill_value", 1}}, .bench = true}};
}

}  // namespace

OpDef full_op() {
  return {.name = "full",
          .doc = "a tensor of shape size with every element fill_value",
          .inputs = {},
          .attributes = {{"size", AttrType::integers, {}, true},
                         {"fill_value", AttrType::real, {}, true},
                         {"dtype", AttrType::dtype, "f32"}},
          .dtypes = all_types,
          .infer = infer,
          .no_grad = "has no inputs",
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{{"vectors", run_cuda<decltype(tag)>}};
          }),
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, least_bytes(query)};
          }};
}

}  // namespace gradus
