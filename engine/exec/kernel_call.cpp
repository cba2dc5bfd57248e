// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/kernel_call.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/exec/preferred_variant.h"

namespace gradus {
namespace {

constexpr int64_t workspace_alignment = 256;
constexpr int64_t convert_grain = 1 << 14;

int64_t align_up(int64_t bytes) {
  return (bytes + workspace_alignment - 1) / workspace_alignment * workspace_alignment;
}

void convert_parallel(const TensorRef& from, const TensorRef& to) {
  const int64_t from_bytes = dtype_bits(from.dtype) / 8, to_bytes = dtype_bits(to.dtype) / 8;
  parallel_range(from.numel(), convert_grain, [&](int64_t begin, int64_t end) {
    convert(from.dtype, from.as<const char>() + begin * from_bytes, to.dtype,
            to.as<char>() + begin * to_bytes, end - begin);
  });
}

// The first row of this name (empty: of any) that takes the call, or null.
const KernelVariant* find_variant(const std::vector<KernelVariant>& table, std::string_view name,
                                  const KernelQuery& query) {
  for (const KernelVariant& row : table)
    if ((name.empty() || row.name == name) && (row.usable == nullptr || row.usable(query)))
      return &row;
  return nullptr;
}

}  // namespace

KernelCall::KernelCall(const OpDef& op, const Attrs& attrs, std::span<const TensorSpec> in,
                       std::span<const TensorSpec> out, Device& device, std::string_view variant)
    : op_(&op), attrs_(attrs), device_(&device) {
  for (const TensorSpec& spec : in) in_.push_back({nullptr, spec.dtype, spec.shape, spec.present});
  for (const TensorSpec& spec : out)
    out_.push_back({nullptr, spec.dtype, spec.shape, spec.present});
  if (op.half == HalfPolicy::through_f32 && device.info().type == DeviceType::cpu) {
    lay_out(in_, true);
    lay_out(out_, false);
  }
  const auto specs = [](const std::vector<TensorRef>& refs) {
    std::vector<TensorSpec> list;
    for (const TensorRef& ref : refs) list.push_back({ref.dtype, ref.shape, ref.present});
    return list;
  };
  choose(specs(in_), specs(out_), variant);
}

// Replaces reduced floats by f32 and remembers the conversion. Offsets grow from the front of the
// workspace.
void KernelCall::lay_out(std::vector<TensorRef>& refs, bool is_input) {
  for (size_t i = 0; i < refs.size(); ++i) {
    if (!refs[i].present || !is_reduced_float(refs[i].dtype)) continue;
    const TensorRef stored = refs[i];
    refs[i].dtype = DType::f32;
    conversions_.push_back({stored, refs[i], workspace_bytes_, i, is_input});
    workspace_bytes_ += align_up(dtype_bytes(DType::f32, stored.numel()));
  }
}

void KernelCall::choose(std::span<const TensorSpec> in, std::span<const TensorSpec> out,
                        std::string_view variant) {
  const DeviceInfo& info = device_->info();
  const auto& table = info.type == DeviceType::cpu ? op_->cpu : op_->cuda;
  const KernelQuery query{in, out, attrs_, info};
  if (variant.empty() && !preferred_variant().empty())
    variant_ = find_variant(table, preferred_variant(), query);
  if (variant_ == nullptr) variant_ = find_variant(table, variant, query);
  if (variant_ == nullptr)
    failf(ErrorKind::unsupported, op_->name, "no kernel{}{} on {} for {}",
          variant.empty() ? "" : " ", variant, device_name(info),
          in.empty() ? "()" : to_string(in[0]));
  kernel_workspace_ = variant_->workspace ? variant_->workspace(query) : 0;
  workspace_bytes_ += kernel_workspace_;
}

void KernelCall::bind(std::span<void* const> in, std::span<void* const> out, void* workspace,
                      StreamHandle stream, const RngState* rng) {
  for (size_t i = 0; i < in_.size(); ++i) in_[i].data = in[i];
  for (size_t i = 0; i < out_.size(); ++i) out_[i].data = out[i];
  for (Conversion& conversion : conversions_) {
    TensorRef& seen = conversion.is_input ? in_[conversion.position] : out_[conversion.position];
    conversion.stored.data = seen.data;
    seen.data = static_cast<char*>(workspace) + conversion.offset;
    conversion.wide.data = seen.data;
  }
  workspace_ =
      workspace ? static_cast<char*>(workspace) + (workspace_bytes_ - kernel_workspace_) : nullptr;
  stream_ = stream;
  rng_ = rng;
}

void KernelCall::run() const {
  for (const Conversion& conversion : conversions_)
    if (conversion.is_input) convert_parallel(conversion.stored, conversion.wide);
  variant_->run({in_, out_, attrs_, workspace_, stream_, rng_});
  for (const Conversion& conversion : conversions_)
    if (!conversion.is_input) convert_parallel(conversion.wide, conversion.stored);
}

}  // namespace gradus
