// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/op/op.h"

namespace gradus {

inline bool any_query(const KernelQuery&) { return true; }

// The CPU table of an op with an f32 kernel for AVX-512 and AVX2 and a reference. `Bind` makes the
// kernels' argument struct; `Fits` says for which shapes the vector kernels are meant; `workspace`
// is theirs, `reference_workspace` the reference's.
template <auto Bind, auto Avx512, auto Avx2, auto Reference, auto Fits = any_query>
std::vector<KernelVariant> cpu_variants(
    int64_t (*workspace)(const KernelQuery&) = nullptr,
    int64_t (*reference_workspace)(const KernelQuery&) = nullptr) {
  std::vector<KernelVariant> rows;
#if defined(__x86_64__) || defined(__i386__)
  rows.push_back({"avx512", [](const RunArgs& args) { Avx512(Bind(args)); }, workspace,
                  [](const KernelQuery& query) {
                    return query.device.avx512 && query.in[0].dtype == DType::f32 && Fits(query);
                  }});
  rows.push_back({"avx2", [](const RunArgs& args) { Avx2(Bind(args)); }, workspace,
                  [](const KernelQuery& query) {
                    return query.device.avx2 && query.in[0].dtype == DType::f32 && Fits(query);
                  }});
#endif
  rows.push_back(
      {"reference", [](const RunArgs& args) { Reference(Bind(args)); }, reference_workspace});
  return rows;
}

}  // namespace gradus
