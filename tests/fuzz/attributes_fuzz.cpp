// SPDX-License-Identifier: Apache-2.0
// A libFuzzer target: the JSON of an op's attributes, for the op that the first byte chooses, and
// the shape rule on what comes of it. Built with clang when asked: -DGRADUS_FUZZ=ON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tools/op_run.h"

namespace {

// The op's shape rule on its first sample's inputs with these attributes.
void infer(const gradus::OpDef& op, const gradus::AttrList& given) {
  const gradus::Attrs attrs(op.name, op.attributes, given);
  if (op.infer == nullptr) return;
  std::vector<gradus::TensorSpec> specs;
  const std::vector<gradus::Sample> samples = op.samples();
  for (const gradus::SampleInput& input : samples[0].inputs)
    specs.push_back({input.dtype, input.shape, input.present});
  specs.resize(std::max(specs.size(), op.inputs.size()), gradus::TensorSpec::absent());
  (void)op.infer({op.name, specs, attrs});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool registered = (gradus::register_all_ops(), true);
  (void)registered;
  if (size == 0) return 0;
  const auto ops = gradus::all_ops();
  const gradus::OpDef& op = *(ops.begin() + data[0] % static_cast<int>(ops.size()));
  try {
    infer(op,
          gradus::attributes_from_json(op, {reinterpret_cast<const char*>(data) + 1, size - 1}));
  } catch (const gradus::Error& error) {
    // Refused: what hostile input should meet; but never as a fault of our own.
    if (error.kind() == gradus::ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
