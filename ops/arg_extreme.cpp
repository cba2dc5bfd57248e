// SPDX-License-Identifier: Apache-2.0
#include "ops/arg_extreme.h"

#include "engine/base/error.h"
#include "kernels/arg_extreme.h"
#include "ops/cuda_variants.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Shape& in = args.in[0].shape;
  const bool keepdim = args.attrs.boolean("keepdim");
  Shape shape;
  if (!args.attrs.has("dim")) {
    GRADUS_CHECK(in.numel() > 0, "[{}] expected at least one element, got {}", args.op,
                 to_string(in));
    for (int d = 0; keepdim && d < in.rank(); ++d) shape.push_back(1);
    return {{DType::i64, shape}};
  }
  const int dim = normalize_dim(args.attrs.integer("dim"), in.rank(), args.op);
  if (in.rank() == 0) return {{DType::i64, shape}};
  GRADUS_CHECK(in[dim] > 0, "[{}] dim {} of {} is empty, expected at least one element", args.op,
               dim, to_string(in));
  return {{DType::i64, reduced_shape(in, {dim}, keepdim)}};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, AttrList attrs, DType dtype = DType::f32) {
    return Sample{
        .inputs = {{.shape = shape, .dtype = dtype, .fill = Fill::integers, .lo = -4, .hi = 5}},
        .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {}),
                           sample({3, 5}, {{"dim", 1}}),
                           sample({2, 7, 3}, {{"dim", -2}, {"keepdim", true}}),
                           sample({2, 3}, {{"keepdim", true}}),
                           sample({}, {{"dim", 0}}),
                           sample({1}, {{"dim", 0}}),
                           sample({0, 3}, {{"dim", 1}}),
                           sample({33, 4}, {{"dim", 0}}, DType::i32),
                           sample({1024, 1024}, {{"dim", -1}})};
  list.back().bench = true;
  return list;
}

kernels::ArgExtremeArgs bind(const RunArgs& args, bool largest) {
  const TensorRef& in = args.in[0];
  DimSplit split{1, in.numel(), 1};
  if (args.attrs.has("dim")) split = split_at(in.shape, args.attrs.integer("dim"), "argmax");
  return {in.dtype,    in.data, args.out[0].as<int64_t>(), split.outer, split.dim,
          split.inner, largest};
}

template <bool largest>
void run(const RunArgs& args) {
  if (args.out[0].numel() > 0) kernels::arg_extreme_cpu(bind(args, largest));
}

template <bool largest, class>
void run_cuda(const RunArgs& args) {
  if (args.out[0].numel() > 0) kernels::arg_extreme_cuda(bind(args, largest), args.stream);
}

template <class>
bool takes(const KernelQuery& query) {
  return kernels::arg_extreme_cuda_takes(query.in[0].dtype);
}

}  // namespace

OpDef arg_extreme_op(std::string_view name, std::string_view doc, bool largest) {
  return {
      .name = name,
      .doc = doc,
      .inputs = {{"input", InputKind::required, false}},
      .attributes = {{"dim", AttrType::integer}, {"keepdim", AttrType::boolean, false}},
      .dtypes = number_types,
      .infer = infer,
      .no_grad = "piecewise constant",
      .cpu = {{"reference", largest ? run<true> : run<false>}},
      .cuda = cuda_variants([=](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{
            {"lines", largest ? run_cuda<true, Tag> : run_cuda<false, Tag>, nullptr, takes<Tag>}};
      }),
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
