// SPDX-License-Identifier: Apache-2.0
#include "ops/softmax_family.h"

#include "engine/base/error.h"
#include "kernels/softmax.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/support.h"

namespace gradus {
namespace {

DimSplit lines(const RunArgs& args) {
  return split_at(args.in[0].shape, softmax_dim(args.attrs, args.in[0].shape), "softmax");
}

template <bool log>
kernels::SoftmaxArgs bind(const RunArgs& args) {
  const DimSplit s = lines(args);
  return {args.in[0].dtype, args.in[0].data, args.out[0].data, s.outer, s.dim, s.inner, log};
}

template <bool log>
kernels::SoftmaxBackwardArgs bind_backward(const RunArgs& args) {
  const DimSplit s = lines(args);
  return {args.in[0].dtype, args.in[0].data, args.in[1].data, args.out[0].data,
          s.outer,          s.dim,           s.inner,         log};
}

// The lines are rows of memory.
bool rows(const KernelQuery& query) {
  const DimSplit s =
      split_at(query.in[0].shape, softmax_dim(query.attrs, query.in[0].shape), "softmax");
  return s.inner == 1 && s.dim >= 1;
}

template <bool log>
std::vector<KernelVariant> forward_variants() {
  return cpu_variants<bind<log>, kernels::softmax_avx512, kernels::softmax_avx2,
                      kernels::softmax_cpu, rows>();
}

template <bool log>
std::vector<KernelVariant> backward_variants() {
  return cpu_variants<bind_backward<log>, kernels::softmax_backward_avx512,
                      kernels::softmax_backward_avx2, kernels::softmax_backward_cpu, rows>();
}

template <class>
void run_log_cuda(const RunArgs& args) {
  kernels::softmax_cuda(bind<true>(args), args.stream);
}

template <bool log, class>
void run_backward_cuda(const RunArgs& args) {
  kernels::softmax_backward_cuda(bind_backward<log>(args), args.stream);
}

template <bool log>
std::vector<KernelVariant> backward_cuda_variants() {
  return cuda_variants([](auto tag) {
    return std::vector<KernelVariant>{{"rows", run_backward_cuda<log, decltype(tag)>}};
  });
}

struct Case {
  Shape shape;
  int64_t dim;
  bool bench = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case>* list =
      new std::vector<Case>{{{3, 7}, -1}, {{2, 5, 3}, 1}, {{}, 0},       {{1, 1}, -1},
                            {{0, 4}, -1}, {{4, 0}, -1},   {{2, 67}, -1}, {{4096, 1024}, -1, true}};
  return *list;
}

}  // namespace

int64_t softmax_dim(const Attrs& attrs, const Shape& shape) {
  if (attrs.has("dim")) return attrs.integer("dim");
  const int rank = shape.rank();
  return rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
}

std::vector<TensorSpec> infer_softmax(const InferArgs& args) {
  (void)normalize_dim(softmax_dim(args.attrs, args.in[0].shape), args.in[0].shape.rank(), args.op);
  return {args.in[0]};
}

std::vector<TensorSpec> infer_softmax_backward(const InferArgs& args) {
  GRADUS_CHECK(args.in[1] == args.in[0], "[{}] input 'output', expected {}, got {}", args.op,
               to_string(args.in[0]), to_string(args.in[1]));
  return infer_softmax(args);
}

std::vector<KernelVariant> softmax_variants() { return forward_variants<false>(); }
std::vector<KernelVariant> log_softmax_variants() { return forward_variants<true>(); }
std::vector<KernelVariant> softmax_backward_variants() { return backward_variants<false>(); }
std::vector<KernelVariant> log_softmax_backward_variants() { return backward_variants<true>(); }

std::vector<KernelVariant> log_softmax_cuda_variants() {
  return cuda_variants([](auto tag) {
    return std::vector<KernelVariant>{{"rows", run_log_cuda<decltype(tag)>}};
  });
}
std::vector<KernelVariant> softmax_backward_cuda_variants() {
  return backward_cuda_variants<false>();
}
std::vector<KernelVariant> log_softmax_backward_cuda_variants() {
  return backward_cuda_variants<true>();
}

std::vector<Sample> softmax_samples() {
  std::vector<Sample> list;
  for (const Case& c : cases())
    list.push_back({.inputs = {{.shape = c.shape, .lo = -4, .hi = 4}},
                    .attrs = {{"dim", c.dim}},
                    .bench = c.bench});
  for (const Shape& shape : {Shape{3, 5}, Shape{3, 5, 2}})  // without dim
    list.insert(list.end() - 1, {.inputs = {{.shape = shape, .lo = -4, .hi = 4}}});
  return list;
}

std::vector<Sample> softmax_backward_samples(bool log) {
  std::vector<Sample> list;
  for (const Case& c : cases()) {
    const SampleInput output =
        log ? SampleInput{.shape = c.shape, .lo = -3, .hi = 0}
            : SampleInput{.shape = c.shape, .fill = Fill::uniform, .lo = 0, .hi = 1};
    list.push_back(
        {.inputs = {{.shape = c.shape}, output}, .attrs = {{"dim", c.dim}}, .bench = c.bench});
  }
  return list;
}

Cost softmax_cost(const KernelQuery& query) {
  return {5.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
}

}  // namespace gradus
