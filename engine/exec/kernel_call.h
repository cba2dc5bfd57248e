// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/device/device.h"
#include "engine/graph/graph.h"

namespace gradus {

// One call of one op on one device, prepared once and run many times: the variant is chosen, the
// conversions that HalfPolicy::through_f32 asks for are laid out, and run() allocates nothing.
class KernelCall {
 public:
  // `variant` names a row of the op's table, or is empty: preferred_variant() where that is usable,
  // else the first usable one. Throws where the device has no kernel.
  KernelCall(const OpDef& op, const Attrs& attrs, std::span<const TensorSpec> in,
             std::span<const TensorSpec> out, Device& device, std::string_view variant = {});

  const OpDef& op() const { return *op_; }
  std::string_view variant() const { return variant_->name; }
  // What bind() needs at `workspace`, aligned as the device allocates.
  int64_t workspace_bytes() const { return workspace_bytes_; }

  // Pointers, in the order of the specs; null for absent inputs.
  void bind(std::span<void* const> in, std::span<void* const> out, void* workspace,
            StreamHandle stream, const RngState* rng);
  void run() const;

 private:
  struct Conversion {
    TensorRef stored;  // as the graph has it
    TensorRef wide;    // f32, in the workspace
    int64_t offset;    // of the wide copy
    size_t position;
    bool is_input;
  };

  void lay_out(std::vector<TensorRef>& refs, bool is_input);
  void choose(std::span<const TensorSpec> in, std::span<const TensorSpec> out,
              std::string_view variant);

  const OpDef* op_;
  Attrs attrs_;
  Device* device_;
  const KernelVariant* variant_ = nullptr;
  std::vector<TensorRef> in_, out_;  // as the kernel sees them
  std::vector<Conversion> conversions_;
  int64_t kernel_workspace_ = 0;
  int64_t workspace_bytes_ = 0;
  void* workspace_ = nullptr;
  StreamHandle stream_;
  const RngState* rng_ = nullptr;
};

}  // namespace gradus
