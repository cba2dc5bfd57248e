// SPDX-License-Identifier: Apache-2.0
#include "kernels/pad.h"

#include <array>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "engine/tensor/tensor.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::PadMode;

constexpr std::array<std::string_view, 4> mode_names{"constant", "reflect", "replicate",
                                                     "circular"};

PadMode pad_mode(const Attrs& attrs) {
  const std::string& text = attrs.text("mode");
  for (size_t i = 0; i < mode_names.size(); ++i)
    if (text == mode_names[i]) return static_cast<PadMode>(i);
  GRADUS_CHECK(
      false,
      "[pad] attribute 'mode', expected 'constant', 'reflect', 'replicate' or 'circular', got '{}'",
      text);
}

struct Amounts {
  std::array<int64_t, Shape::max_rank> before{}, after{};
};

// PyTorch's order: pairs from the last dim towards the first.
Amounts amounts(const Attrs& attrs, int rank) {
  const std::vector<int64_t>& pad = attrs.integers("pad");
  GRADUS_CHECK(pad.size() % 2 == 0 && pad.size() <= 2 * static_cast<size_t>(rank),
               "[pad] attribute 'pad', expected an even count of at most {} numbers, got {}",
               2 * rank, pad.size());
  Amounts result;
  for (size_t i = 0; i < pad.size(); i += 2) {
    const size_t d = static_cast<size_t>(rank) - 1 - i / 2;
    result.before[d] = pad[i];
    result.after[d] = pad[i + 1];
  }
  return result;
}

void check_reach(PadMode mode, int dim, int64_t size, int64_t before, int64_t after) {
  const int64_t largest = std::max(before, after);
  if (mode == PadMode::constant || largest <= 0) return;
  const int64_t kept = size + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
  const int64_t most = mode == PadMode::reflect ? size - 1 : kept;
  const bool fits = mode == PadMode::replicate ? size > 0 : largest <= most;
  GRADUS_CHECK(fits, "[pad] mode '{}' cannot pad dim {} of {} elements by {}",
               mode_names[static_cast<size_t>(mode)], dim, size, largest);
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  TensorSpec out = args.in[0];
  const PadMode mode = pad_mode(args.attrs);
  const Amounts pad = amounts(args.attrs, out.shape.rank());
  if (args.attrs.has("value"))
    (void)element_value(args.op, "value", args.attrs.real("value"), out.dtype, false);
  GRADUS_CHECK(mode == PadMode::constant || !args.attrs.has("value"),
               "[pad] attribute 'value' belongs to mode 'constant' only");
  for (int d = 0; d < out.shape.rank(); ++d) {
    const int64_t before = pad.before[static_cast<size_t>(d)];
    const int64_t after = pad.after[static_cast<size_t>(d)], size = out.shape[d];
    int64_t padded = size;
    const bool overflow = __builtin_add_overflow(padded, before, &padded) ||
                          __builtin_add_overflow(padded, after, &padded);
    GRADUS_CHECK(!overflow && padded >= 0 && before >= -size && after >= -size,
                 "[pad] dim {} of {} elements cannot be padded by {} and {}", d, size, before,
                 after);
    check_reach(mode, d, size, before, after);
    out.shape[d] = padded;
  }
  (void)out.bytes();
  return {out};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const double value = args.attrs.has("value") ? args.attrs.real("value") : 0.0;
  kernels::PadArgs pad{
      element_bytes(in.dtype), pad_mode(args.attrs),   in.data, out.data,
      at_least_1d(in.shape),   at_least_1d(out.shape), {},      element_bits(value, in.dtype)};
  const std::vector<int64_t>& list = args.attrs.integers("pad");
  for (size_t i = 0; i < list.size(); i += 2)
    pad.before[static_cast<size_t>(in.shape.rank()) - 1 - i / 2] = list[i];
  kernels::pad_cpu(pad);
}

// Sums each position of the padded dim back to where it came from.
Value fold_dim(Value dy, PadMode mode, int d, int64_t before, int64_t after, int64_t size) {
  const kernels::PadDim dim{size, std::max<int64_t>(-before, 0),
                            size + std::min<int64_t>(after, 0)};
  const int64_t count = dy.shape()[d];
  std::vector<int64_t> sources(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    sources[static_cast<size_t>(i)] = kernels::pad_source(mode, i - before, dim);
  Graph& graph = dy.graph();
  Shape shape = dy.shape();
  shape[d] = size;
  const Value index =
      graph.constant(Tensor::from<int64_t>(DType::i64, {count}, std::span<const int64_t>(sources)));
  return apply1("index_add", {graph.full(shape, 0.0, dy.dtype()), index, dy}, {{"dim", d}});
}

std::vector<Value> grad(GradArgs& args) {
  const PadMode mode = pad_mode(args.attrs);
  Value dy = args.dout[0];
  if (mode == PadMode::constant) {
    std::vector<int64_t> negative;
    for (int64_t n : args.attrs.integers("pad")) negative.push_back(-n);
    return {apply1("pad", {dy}, {{"pad", negative}})};
  }
  const Shape& shape = args.in[0].shape();
  const Amounts pad = amounts(args.attrs, shape.rank());
  for (int d = 0; d < shape.rank(); ++d) {
    const size_t k = static_cast<size_t>(d);
    if (pad.before[k] != 0 || pad.after[k] != 0)
      dy = fold_dim(dy, mode, d, pad.before[k], pad.after[k], shape[d]);
  }
  return {dy};
}

std::vector<Sample> samples() {
  const auto by = [](AttrValue::Integers pad) { return NamedAttr{"pad", std::move(pad)}; };
  return {
      {.inputs = {{.shape = {3, 4}}}, .attrs = {by({1, 2})}},
      {.inputs = {{.shape = {2, 3, 4}}}, .attrs = {by({0, 1, 2, -1, 1, 0}), {"value", 2.5}}},
      {.inputs = {{.shape = {2, 3, 5}}}, .attrs = {by({4, 2, 1, 2}), {"mode", "reflect"}}},
      {.inputs = {{.shape = {2, 3}}}, .attrs = {by({3, 1}), {"mode", "replicate"}}},
      {.inputs = {{.shape = {2, 3, 4}}}, .attrs = {by({4, 1, 3, 2}), {"mode", "circular"}}},
      {.inputs = {{.shape = {2, 5}}}, .attrs = {by({-1, 2, 1, 0}), {"mode", "replicate"}}},
      {.inputs = {{.shape = {}}}, .attrs = {by({})}},
      {.inputs = {{.shape = {1}}}, .attrs = {by({2, 0}), {"mode", "replicate"}}},
      {.inputs = {{.shape = {0, 2}}}, .attrs = {by({1, 1, 1, 0}), {"value", -1}}},
      {.inputs = {{.shape = {3}, .dtype = DType::i64, .fill = Fill::integers, .lo = -9, .hi = 9}},
       .attrs = {by({1, 1}), {"value", 7}}},
      {.inputs = {{.shape = {64, 32, 32}}}, .attrs = {by({1, 1, 1, 1})}, .bench = true}};
}

}  // namespace

OpDef pad_op() {
  return {.name = "pad",
          .doc =
              "adds elements around dims, pairs (before, after) from the last dim on: value, "
              "reflected, repeated or circular ones; negative amounts crop",
          .inputs = {{"input"}},
          .attributes = {{"pad", AttrType::integers, {}, true},
                         {"mode", AttrType::text, "constant"},
                         {"value", AttrType::real}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, least_bytes(query)};
          }};
}

}  // namespace gradus
