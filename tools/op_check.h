// SPDX-License-Identifier: Apache-2.0
// Checks that hold for every op, driven by its samples alone. Used by `gradus op check` and by
// tests/ops/every_op_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/op/op.h"
#include "tools/op_case.h"

namespace gradus {

struct CheckReport {
  int64_t checks = 0;                 // comparisons made; 0: nothing of the op falls under this
  std::vector<std::string> problems;  // which sample, attributes, input and element; no op name
};

struct OpCheck {
  std::string_view name;
  std::string_view doc;
  bool (*applies)(const OpDef& op);
  // Never throws an Error: one that escapes from the op is a problem too.
  void (*run)(const OpDef& op, CheckReport& report);
};

// coverage, precision, twin, gradient, second_derivative, determinism, memory, variants.
std::span<const OpCheck> op_checks();
CheckReport run_check(const OpCheck& check, const OpDef& op);

// The rest is shared by the checks' own files.

void check_gradient(const OpDef& op, CheckReport& report);
void check_second_derivative(const OpDef& op, CheckReport& report);
void check_memory(const OpDef& op, CheckReport& report);
void check_variants(const OpDef& op, CheckReport& report);
void check_coverage(const OpDef& op, CheckReport& report);

// One sample with its inputs made in one floating type.
struct SampleCase {
  Sample sample;
  size_t index = 0;  // of the sample in its op's list
  DType floats = DType::f32;
  OpCase op_case;
  std::string rare = {};  // what its inputs hold beside the sample's own values, for messages

  std::string text() const;  // "sample 2 softmax(f32 (3, 7), {dim: -1})"
};
// The op's samples in those of `types` that it takes; samples without a floating input come once.
std::vector<SampleCase> sample_cases(const OpDef& op, std::initializer_list<DType> types,
                                     bool bench = false);

// Adds a problem where `got` differs from `expected` by more than tolerance * the largest finite
// magnitude expected + relative * the element's own. Integers and bool: any difference. `expected`
// may have a wider floating dtype.
void compare(const Tensor& got, const Tensor& expected, double tolerance, double relative,
             std::string_view what, CheckReport& report);
// Bit equality.
void compare_bits(const Tensor& got, const Tensor& expected, std::string_view what,
                  CheckReport& report);
// "element 7 at (1, 2)".
std::string element_text(int64_t element, const Shape& shape);

}  // namespace gradus
