// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/tensor/tensor.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr int64_t block = 512;
constexpr double exact_limit = 0x1p53;  // whole numbers beyond it are not exact in an attribute

bool is_whole(double value) { return std::trunc(value) == value; }

DType result_dtype(const Attrs& attrs) {
  if (attrs.has("dtype")) return attrs.dtype("dtype");
  const bool whole =
      is_whole(attrs.real("start")) && is_whole(attrs.real("end")) && is_whole(attrs.real("step"));
  return whole ? DType::i64 : DType::f32;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const double start = args.attrs.real("start"), end = args.attrs.real("end");
  const double step = args.attrs.real("step");
  GRADUS_CHECK(std::fabs(start) <= exact_limit && std::fabs(end) <= exact_limit &&
                   std::fabs(step) <= exact_limit,
               "[arange] expected finite bounds of at most 2^53, got {}, {} and {}", start, end,
               step);
  GRADUS_CHECK(step != 0.0, "[arange] attribute 'step' cannot be 0");
  GRADUS_CHECK((end - start) * step >= 0.0, "[arange] from {} to {} with step {} goes nowhere",
               start, end, step);
  const double count = std::ceil((end - start) / step);
  GRADUS_CHECK(count <= exact_limit, "[arange] {} elements are too many", count);
  const TensorSpec out{result_dtype(args.attrs), {static_cast<int64_t>(count)}};
  GRADUS_CHECK(contains(number_types, out.dtype), "[arange] attribute 'dtype' cannot be {}",
               dtype_name(out.dtype));
  (void)out.bytes();
  return {out};
}

template <class T>
void fill(const RunArgs& args, DType from, T start, T step) {
  const TensorRef& out = args.out[0];
  parallel_range(out.numel(), block, [&](int64_t begin, int64_t end) {
    std::array<T, block> values;
    for (int64_t i = begin; i < end; ++i)
      values[static_cast<size_t>(i - begin)] = start + static_cast<T>(i) * step;
    convert(from, values.data(), out.dtype, out.as<char>() + begin * element_bytes(out.dtype),
            end - begin);
  });
}

void run(const RunArgs& args) {
  const double start = args.attrs.real("start"), step = args.attrs.real("step");
  if (is_floating(args.out[0].dtype)) return fill<double>(args, DType::f64, start, step);
  fill<int64_t>(args, DType::i64, static_cast<int64_t>(start), static_cast<int64_t>(step));
}

std::vector<Sample> samples() {
  return {{.inputs = {}, .attrs = {{"end", 7}}},
          {.inputs = {}, .attrs = {{"start", 1}, {"end", 2.5}, {"step", 0.5}}},
          {.inputs = {}, .attrs = {{"start", 9}, {"end", -2}, {"step", -3}, {"dtype", DType::i32}}},
          {.inputs = {}, .attrs = {{"end", 5}, {"dtype", DType::bf16}}},
          {.inputs = {}, .attrs = {{"end", 1}}},
          {.inputs = {}, .attrs = {{"end", 0}}},
          {.inputs = {}, .attrs = {{"end", 1 << 20}}, .bench = true}};
}

}  // namespace

OpDef arange_op() {
  return {
      .name = "arange",
      .doc =
          "start, start + step, ... below end (above it for a negative step); without dtype "
          "i64 where all three are whole, else f32; an integer dtype counts the elements first, "
          "then drops the fractions of start and step",
      .inputs = {},
      .attributes = {{"start", AttrType::real, 0.0},
                     {"end", AttrType::real, {}, true},
                     {"step", AttrType::real, 1.0},
                     {"dtype", AttrType::dtype}},
      .dtypes = number_types,
      .infer = infer,
      .no_grad = "has no inputs",
      .cpu = {{"reference", run}},
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{static_cast<double>(query.out[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
