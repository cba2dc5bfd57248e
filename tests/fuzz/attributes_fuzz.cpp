// SPDX-License-Identifier: Apache-2.0
// A fuzz target: the JSON of an op's attributes, after a line with the op's name. The op is applied
// to the inputs of its first sample, differentiated, and run where that is little work. A line that
// names no op chooses one by its first byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tests/support/op_attempt.h"
#include "tools/op_run.h"

namespace {

using gradus::OpDef;

const OpDef& chosen_op(std::string_view line) {
  const auto ops = gradus::all_ops();
  const auto named = std::ranges::find(ops, line, &OpDef::name);
  if (named != ops.end()) return *named;
  const size_t byte = line.empty() ? 0 : static_cast<unsigned char>(line[0]);
  return *(ops.begin() + static_cast<std::ptrdiff_t>(byte % ops.size()));
}

// Made once for each op.
const std::vector<gradus::Tensor>& inputs_of(const OpDef& op) {
  static std::map<std::string_view, std::vector<gradus::Tensor>> made;
  const auto [place, is_new] = made.try_emplace(op.name);
  if (is_new) {
    const std::vector<gradus::Sample> samples = op.samples();
    const auto small = std::ranges::find(samples, false, &gradus::Sample::bench);
    if (small != samples.end())
      place->second = gradus::sample_inputs(*small, gradus::DType::f32, "fuzz");
  }
  return place->second;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool registered = (gradus::register_all_ops(), true);
  (void)registered;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(text.find('\n'), size);
  const OpDef& op = chosen_op(text.substr(0, line));
  try {
    const gradus::AttrList attrs =
        gradus::attributes_from_json(op, text.substr(std::min(line + 1, size)));
    gradus::attempt({&op, attrs, inputs_of(op)});
  } catch (const gradus::Error& error) {
    // Refused: what hostile input should meet; but never as a fault of our own.
    if (error.kind() == gradus::ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
