// SPDX-License-Identifier: Apache-2.0
#include "ops/composite_gradient.h"

#include "engine/autodiff/gradients.h"

namespace gradus {

std::vector<Value> composite_gradients(GradArgs& args, const Twin& twin) {
  // Each wanted input enters through a node of its own: the reverse walk ends there and cannot
  // follow the way from one input to another.
  std::vector<Value> leaves = args.in, wanted;
  std::vector<size_t> positions;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i] || !args.wants(i)) continue;
    leaves[i] = apply1("reshape", {leaves[i]}, {{"shape", leaves[i].shape()}});
    wanted.push_back(leaves[i]);
    positions.push_back(i);
  }
  const std::vector<Value> outputs = twin(leaves);
  std::vector<Value> targets, seeds;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!args.dout[k] || !outputs[k]) continue;
    targets.push_back(outputs[k]);
    seeds.push_back(args.dout[k]);
  }
  std::vector<Value> result(args.in.size());
  if (targets.empty()) return result;
  const std::vector<Value> found = gradients(targets, seeds, wanted);
  for (size_t i = 0; i < found.size(); ++i) result[positions[i]] = found[i];
  return result;
}

}  // namespace gradus
