// SPDX-License-Identifier: Apache-2.0
// Positions as sines and cosines (Vaswani et al. 2017, 3.5).
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/tensor/tensor.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const int64_t length = args.attrs.integer("length"), width = args.attrs.integer("width");
  GRADUS_CHECK(length >= 0 && width >= 0,
               "[{}] attributes 'length' and 'width', expected at least 0, got {} and {}", args.op,
               length, width);
  const double base = args.attrs.real("base");
  GRADUS_CHECK(base > 0 && base <= 1e30, "[{}] attribute 'base', expected above 0 to 1e30, got {}",
               args.op, base);
  const DType dtype = args.attrs.dtype("dtype");
  GRADUS_CHECK(contains(float_types, dtype),
               "[{}] attribute 'dtype', expected a floating dtype, got {}", args.op,
               dtype_name(dtype));
  const TensorSpec out{dtype, {length, width}};
  (void)out.bytes();  // throws where they are too many
  return {out};
}

// Two numbers at a time: a row may be of any width, and nothing is allocated.
void run(const RunArgs& args) {
  const TensorRef& out = args.out[0];
  const int64_t width = out.shape[1], size = element_bytes(out.dtype);
  const double base = args.attrs.real("base");
  parallel_for(width == 0 ? 0 : out.shape[0], [&](int64_t position) {
    char* row = out.as<char>() + position * width * size;
    for (int64_t d = 0; d < width; d += 2) {
      const double share = static_cast<double>(d) / static_cast<double>(width);
      const double angle = static_cast<double>(position) * std::pow(base, -share);
      const double values[] = {std::sin(angle), std::cos(angle)};
      convert(DType::f64, values, out.dtype, row + d * size, std::min<int64_t>(2, width - d));
    }
  });
}

std::vector<Sample> samples() {
  return {{.inputs = {}, .attrs = {{"length", 5}, {"width", 6}}},
          {.inputs = {}, .attrs = {{"length", 3}, {"width", 7}, {"base", 500}}},
          {.inputs = {}, .attrs = {{"length", 4}, {"width", 4}, {"dtype", DType::bf16}}},
          {.inputs = {}, .attrs = {{"length", 1}, {"width", 1}}},
          {.inputs = {}, .attrs = {{"length", 0}, {"width", 3}}},
          {.inputs = {}, .attrs = {{"length", 1024}, {"width", 768}}, .bench = true}};
}

}  // namespace

OpDef sinusoidal_positions_op() {
  return {.name = "sinusoidal_positions",
          .doc =
              "(length, width): sin(p / base^(d / width)) at row p and even column d, "
              "cos(p / base^((d - 1) / width)) at odd d",
          .inputs = {},
          .attributes = {{"length", AttrType::integer, {}, true},
                         {"width", AttrType::integer, {}, true},
                         {"base", AttrType::real, 10000.0},
                         {"dtype", AttrType::dtype, DType::f32}},
          .infer = infer,
          .no_grad = "has no inputs",
          .cpu = {{"reference", run}},
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{20.0 * static_cast<double>(query.out[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
