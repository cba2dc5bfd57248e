// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/op/attributes.h"
#include "engine/op/tensor_spec.h"

namespace gradus {

enum class Fill {
  uniform,   // in [lo, hi)
  integers,  // whole numbers in [lo, hi)
  distinct,  // a random order of evenly spaced values in [lo, hi): no ties, so max, sort and kinks
             // are well conditioned
  rows,      // positive, each last-dim row sums to 1
  offsets,   // whole numbers that rise from lo to hi: the first is lo, the last hi
};

// One input of a sample. A floating dtype stands for "the type under test": the generic test also
// runs f64 and the reduced types.
struct SampleInput {
  Shape shape;
  DType dtype = DType::f32;
  Fill fill = Fill::uniform;
  double lo = -1;
  double hi = 1;
  bool present = true;

  static SampleInput absent() { return {.shape = {}, .present = false}; }
  // Indices in [0, count).
  static SampleInput indices(const Shape& shape, int64_t count, DType dtype = DType::i64) {
    return {.shape = shape,
            .dtype = dtype,
            .fill = Fill::integers,
            .lo = 0,
            .hi = static_cast<double>(count)};
  }
};

// A case for the generic test and benchmark. Together an op's samples put every attribute off its
// default, every optional input absent and present, and hold sizes 0, 1 and odd.
struct Sample {
  std::vector<SampleInput> inputs;
  AttrList attrs = {};
  bool bench = false;  // large: for benchmarks only
  bool grad = true;    // gradient checked by central differences (switched off only at kinks)
  bool second = true;  // second derivative too
};

}  // namespace gradus
