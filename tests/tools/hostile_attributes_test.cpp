// SPDX-License-Identifier: Apache-2.0
// Each attribute of each op, put to values that no caller should give: refused by a clear error or
// taken, never a fault of our own. A sanitizer sees what is undefined (label asan).
#include <gtest/gtest.h>

#include <limits>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tests/support/op_attempt.h"
#include "tools/op_check.h"

#if defined(__SANITIZE_ADDRESS__)
// A size that no memory holds is an error of the allocator, as without the sanitizer.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace gradus {
namespace {

using Values = std::vector<AttrValue>;

const std::vector<int64_t>& hostile_integers() {
  constexpr int64_t least = std::numeric_limits<int64_t>::min(),
                    most = std::numeric_limits<int64_t>::max();
  static const std::vector<int64_t> list{
      least,   least + 1,        -(int64_t{1} << 32), -1,  0, 1, 3,
      1 << 30, int64_t{1} << 32, int64_t{1} << 62,    most};
  return list;
}

Values hostile_lists() {
  Values values{AttrValue::Integers{}, AttrValue::Integers(9, 1), AttrValue::Integers{1, 1, 2}};
  for (int64_t n : hostile_integers())
    for (const AttrValue::Integers& list :
         {AttrValue::Integers{n}, {1, n}, {n, n}, {n, 1, 2}, {2, n, n, 1}})
      values.emplace_back(list);
  return values;
}

Values hostile_reals() {
  using Limits = std::numeric_limits<double>;
  return {0.0,
          -0.0,
          -1.0,
          1e308,
          -1e308,
          Limits::denorm_min(),
          Limits::infinity(),
          -Limits::infinity(),
          Limits::quiet_NaN()};
}

Values hostile_values(AttrType type) {
  Values values{AttrValue::none()};
  const auto add = [&](const Values& more) {
    values.insert(values.end(), more.begin(), more.end());
  };
  switch (type) {
    case AttrType::boolean:
      add({true, false});
      break;
    case AttrType::integer:
      for (int64_t n : hostile_integers()) values.emplace_back(n);
      break;
    case AttrType::real:
      add(hostile_reals());
      break;
    case AttrType::reals:
      for (const AttrValue& value : hostile_reals())
        add({AttrValue::Reals{*value.as<double>()}, AttrValue::Reals(5, *value.as<double>())});
      add({AttrValue::Reals{}});
      break;
    case AttrType::text:
      add({"", "mean", "sum", "same", "\xff"});
      break;
    case AttrType::dtype:
      add({DType::f64, DType::f16, DType::i64, DType::u8, DType::bool_, DType::f8e4m3, DType::i4,
           "", "f33"});
      break;
    case AttrType::integers_or_text:
      add({"", "same", "valid", "\xff"});
      add(hostile_lists());
      break;
    case AttrType::integers:
      add(hostile_lists());
      break;
  }
  return values;
}

// The list with one attribute put to another value.
AttrList with(AttrList list, std::string_view name, const AttrValue& value) {
  std::erase_if(list, [&](const NamedAttr& named) { return named.first == name; });
  list.emplace_back(name, value);
  return list;
}

void expect_error_or_result(const OpCase& op_case) {
  try {
    attempt(op_case);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << describe(op_case) << ": " << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << describe(op_case) << ": " << error.what();
  }
}

std::vector<std::string> ops_with_attributes() {
  register_all_ops();
  std::vector<std::string> names;
  for (const OpDef& op : all_ops())
    if (!op.attributes.empty()) names.emplace_back(op.name);
  return names;
}

class HostileAttributes : public testing::TestWithParam<std::string> {};

TEST_P(HostileAttributes, are_refused_or_taken) {
  const OpDef& op = get_op(GetParam());
  for (const SampleCase& sample : sample_cases(op, {DType::f32}))
    for (const AttrSpec& spec : op.attributes)
      for (const AttrValue& value : hostile_values(spec.type)) {
        OpCase hostile = sample.op_case;
        hostile.attrs = with(hostile.attrs, spec.name, value);
        expect_error_or_result(hostile);
      }
}

INSTANTIATE_TEST_SUITE_P(EveryOp, HostileAttributes, testing::ValuesIn(ops_with_attributes()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace gradus
