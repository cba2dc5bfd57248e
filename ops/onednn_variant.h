// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/base/instruction_set.h"
#include "engine/op/op.h"
#if defined(GRADUS_WITH_ONEDNN)
#include "kernels/onednn.h"
#endif

namespace gradus {

// For loops that the compiler makes vectors of: they go before oneDNN, which allocates, where our
// vector kernels run too.
inline bool has_own_lanes(const KernelQuery& query) {
  return query.in[0].dtype == DType::f32 && instruction_set() != InstructionSet::base;
}

#if defined(GRADUS_WITH_ONEDNN)
// What `Bind` makes of a call that is only asked about: tensors that are there have an address that
// nobody reads.
template <auto Bind>
auto onednn_args(const KernelQuery& query) {
  static char nothing;
  const auto refs = [](std::span<const TensorSpec> specs) {
    std::vector<TensorRef> list;
    for (const TensorSpec& spec : specs)
      list.push_back({spec.present ? &nothing : nullptr, spec.dtype, spec.shape, spec.present});
    return list;
  };
  const std::vector<TensorRef> in = refs(query.in), out = refs(query.out);
  return Bind(RunArgs{in, out, query.attrs});
}

// `Bind` makes the kernel's argument struct; `Fits` refuses calls that it may not be asked about.
template <auto Bind, auto Fits>
KernelVariant onednn_variant() {
  return {
      "onednn", [](const RunArgs& run) { kernels::run_onednn(Bind(run), run.workspace); },
      [](const KernelQuery& query) { return kernels::onednn_workspace(onednn_args<Bind>(query)); },
      [](const KernelQuery& query) {
        return query.in[0].dtype == DType::f32 && Fits(query) &&
               kernels::onednn_fits(onednn_args<Bind>(query));
      }};
}
#endif

// `rows` and, in a build with oneDNN, its row: before our own where the processor lacks what our
// vector kernels need, else behind them, so that it computes when asked for by name. The last row
// stays the reference.
template <auto Bind, auto Fits = [](const KernelQuery&) { return true; }>
std::vector<KernelVariant> with_onednn(std::vector<KernelVariant> rows) {
#if defined(GRADUS_WITH_ONEDNN)
  const bool own = instruction_set() != InstructionSet::base;
  rows.insert(own ? rows.end() - 1 : rows.begin(), onednn_variant<Bind, Fits>());
#endif
  return rows;
}

}  // namespace gradus
