// SPDX-License-Identifier: Apache-2.0
#include "ops/random_fill.h"

#include "engine/base/error.h"
#include "ops/cuda_variants.h"
#include "ops/random_stream.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec spec{args.attrs.dtype("dtype"), Shape(args.attrs.integers("size"))};
  GRADUS_CHECK(contains(float_types, spec.dtype),
               "[{}] attribute 'dtype', expected f64, f32, f16 or bf16, got {}", args.op,
               dtype_name(spec.dtype));
  (void)spec.bytes();
  return {spec};
}

std::vector<Sample> samples() {
  return {{.inputs = {}, .attrs = {{"size", AttrValue::Integers{3, 5}}}},
          {.inputs = {}, .attrs = {{"size", AttrValue::Integers{}}, {"dtype", DType::f64}}},
          {.inputs = {}, .attrs = {{"size", 7}, {"dtype", DType::bf16}, {"rng_path", 5}}},
          {.inputs = {}, .attrs = {{"size", 1}}},
          {.inputs = {}, .attrs = {{"size", AttrValue::Integers{0, 2}}}},
          {.inputs = {}, .attrs = {{"size", 1 << 20}}, .bench = true}};
}

kernels::RandomArgs bind(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  return {out.dtype, out.data, out.numel(), random_stream(args)};
}

template <bool normal>
void run(const RunArgs& args) {
  normal ? kernels::random_normal_cpu(bind(args)) : kernels::random_uniform_cpu(bind(args));
}

template <bool normal, class>
void run_cuda(const RunArgs& args) {
  normal ? kernels::random_normal_cuda(bind(args), args.stream)
         : kernels::random_uniform_cuda(bind(args), args.stream);
}

}  // namespace

OpDef random_fill_op(std::string_view name, std::string_view doc, bool normal) {
  return {.name = name,
          .doc = doc,
          .inputs = {},
          .attributes = {{"size", AttrType::integers, {}, true},
                         {"dtype", AttrType::dtype, "f32"},
                         {"rng_path", AttrType::integer, 0}},
          .infer = infer,
          .no_grad = "has no inputs",
          .cpu = {{"reference", normal ? run<true> : run<false>}},
          .cuda = cuda_variants([=](auto tag) {
            using Tag = decltype(tag);
            return std::vector<KernelVariant>{
                {"blocks", normal ? run_cuda<true, Tag> : run_cuda<false, Tag>}};
          }),
          .random = true,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{10.0 * static_cast<double>(query.out[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
