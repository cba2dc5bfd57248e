// SPDX-License-Identifier: Apache-2.0
// What a kernel does to memory, and its variants against the reference.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/serial.h"
#include "engine/exec/kernel_call.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

constexpr int64_t guard_bytes = 256;
constexpr unsigned char guard_pattern = 0xA5;
// A reference above this is left to the benchmarks.
constexpr double most_flops = 3e8;

// Memory with guards on both sides and known contents.
class GuardedMemory {
 public:
  GuardedMemory(int64_t bytes, unsigned char contents)
      : memory_(DType::u8, {bytes + 2 * guard_bytes}), bytes_(bytes) {
    std::memset(memory_.data(), guard_pattern, static_cast<size_t>(memory_.bytes()));
    if (bytes > 0) std::memset(data(), contents, static_cast<size_t>(bytes));
  }
  void* data() const { return memory_.data_as<char>() + guard_bytes; }
  bool intact() const {
    const auto* all = memory_.data_as<unsigned char>();
    const auto kept = [](unsigned char byte) { return byte == guard_pattern; };
    return std::all_of(all, all + guard_bytes, kept) &&
           std::all_of(all + guard_bytes + bytes_, all + bytes_ + 2 * guard_bytes, kept);
  }

 private:
  Tensor memory_;
  int64_t bytes_;
};

// Leaves `contents` where the frames of the next calls will be.
[[gnu::noinline]] void fill_stack(unsigned char contents) {
  std::array<volatile unsigned char, 1 << 18> frame;
  for (volatile unsigned char& byte : frame) byte = contents;
}

// One op on one set of inputs, run straight through its kernel.
class KernelProbe {
 public:
  explicit KernelProbe(const SampleCase& sample)
      : op_(*sample.op_case.op),
        attrs_(op_.name, op_.attributes, sample.op_case.attrs),
        inputs_(sample.op_case.inputs),
        text_(sample.text()) {
    inputs_.resize(std::max(inputs_.size(), op_.inputs.size()));
    for (const Tensor& input : inputs_)
      in_.push_back(input ? TensorSpec{input.dtype(), input.shape()} : TensorSpec::absent());
    out_ = op_.infer({op_.name, in_, attrs_});
  }

  double flops() const {
    return op_.cost ? op_.cost({in_, out_, attrs_, cpu_device().info()}).flops : 0;
  }

  // Rows of the table that can run here, the reference last.
  std::vector<std::string_view> variants() const {
    std::vector<std::string_view> names;
    const KernelQuery query{in_, out_, attrs_, cpu_device().info()};
    for (const KernelVariant& row : op_.cpu)
      if (row.usable == nullptr || row.usable(query)) names.push_back(row.name);
    return names;
  }

  // Runs with outputs, workspace and stack holding `contents` before. `alias` puts an output where
  // its input is.
  std::vector<Tensor> run(std::string_view variant, unsigned char contents, const Alias* alias,
                          CheckReport& report) const {
    KernelCall call(op_, attrs_, in_, out_, cpu_device(), variant);
    std::vector<GuardedMemory> outputs;
    for (const TensorSpec& spec : out_) outputs.emplace_back(spec.bytes(), contents);
    const GuardedMemory workspace(call.workspace_bytes(), contents);
    std::vector<Tensor> copies;
    std::vector<void*> in, out;
    for (const Tensor& input : inputs_) {
      copies.push_back(input ? input.to(cpu_device()) : Tensor());
      in.push_back(input ? copies.back().data() : nullptr);
    }
    for (size_t k = 0; k < out_.size(); ++k)
      out.push_back(out_[k].present ? outputs[k].data() : nullptr);
    if (alias != nullptr) share(*alias, in, out);
    const RngState rng{};
    call.bind(in, out, workspace.data(), {}, &rng);
    const SerialSection one_thread;
    fill_stack(contents);
    call.run();
    check_guards(variant, outputs, workspace, report);
    check_inputs(variant, copies, alias, report);
    return collect(outputs);
  }

  bool can_alias(const Alias& alias) const {
    const size_t input = static_cast<size_t>(alias.input),
                 output = static_cast<size_t>(alias.output);
    return input < in_.size() && output < out_.size() && in_[input].present &&
           out_[output].present && in_[input] == out_[output];
  }

  std::string what(std::string_view variant, std::string_view aspect) const {
    return fmt::format("{}, variant '{}': {}", text_, variant, aspect);
  }

 private:
  void share(const Alias& alias, std::vector<void*>& in, std::vector<void*>& out) const {
    const size_t input = static_cast<size_t>(alias.input),
                 output = static_cast<size_t>(alias.output);
    if (in_[input].bytes() > 0)
      std::memcpy(out[output], in[input], static_cast<size_t>(in_[input].bytes()));
    in[input] = out[output];
  }

  void check_guards(std::string_view variant, const std::vector<GuardedMemory>& outputs,
                    const GuardedMemory& workspace, CheckReport& report) const {
    ++report.checks;
    for (size_t k = 0; k < outputs.size(); ++k)
      if (!outputs[k].intact())
        report.problems.push_back(what(variant, fmt::format("wrote outside of output {}", k)));
    if (!workspace.intact())
      report.problems.push_back(what(variant, "wrote outside its workspace"));
  }

  void check_inputs(std::string_view variant, const std::vector<Tensor>& copies, const Alias* alias,
                    CheckReport& report) const {
    for (size_t i = 0; i < copies.size(); ++i)
      if (inputs_[i] && (alias == nullptr || alias->input != static_cast<int>(i)))
        compare_bits(copies[i], inputs_[i], what(variant, fmt::format("input {} after the run", i)),
                     report);
  }

  std::vector<Tensor> collect(const std::vector<GuardedMemory>& outputs) const {
    std::vector<Tensor> tensors;
    for (size_t k = 0; k < out_.size(); ++k) {
      tensors.push_back(out_[k].present ? Tensor(out_[k].dtype, out_[k].shape) : Tensor());
      if (out_[k].present && out_[k].bytes() > 0)
        std::memcpy(tensors.back().data(), outputs[k].data(), static_cast<size_t>(out_[k].bytes()));
    }
    return tensors;
  }

  const OpDef& op_;
  Attrs attrs_;
  std::vector<Tensor> inputs_;
  std::vector<TensorSpec> in_, out_;
  std::string text_;
};

void compare_all_bits(const std::vector<Tensor>& got, const std::vector<Tensor>& expected,
                      const std::string& what, CheckReport& report) {
  for (size_t k = 0; k < got.size(); ++k)
    if (got[k]) compare_bits(got[k], expected[k], fmt::format("{}, output {}", what, k), report);
}

void check_variant_memory(const OpDef& op, const KernelProbe& probe, std::string_view variant,
                          CheckReport& report) {
  const std::vector<Tensor> expected = probe.run(variant, 0x00, nullptr, report);
  compare_all_bits(probe.run(variant, 0xFF, nullptr, report), expected,
                   probe.what(variant, "reads what it has not written, or leaves a part unwritten"),
                   report);
  std::vector<Alias> aliases = op.aliases;
  aliases.insert(aliases.end(), op.state.begin(), op.state.end());
  for (const Alias& alias : aliases)
    if (probe.can_alias(alias))
      compare_all_bits(probe.run(variant, 0xFF, &alias, report), expected,
                       probe.what(variant, fmt::format("output {} in the memory of input {}",
                                                       alias.output, alias.input)),
                       report);
}

// Copies of the sample whose floating input holds, at three places, NaN or a number whose
// exponential overflows. Ops of one floating input only: where several meet, a kernel may leave out
// zero times NaN (a mask, padding) and be right.
std::vector<SampleCase> with_rare_values(const SampleCase& sample) {
  std::vector<SampleCase> list;
  const std::vector<Tensor>& inputs = sample.op_case.inputs;
  const auto is_f32 = [](const Tensor& input) { return input && input.dtype() == DType::f32; };
  const auto first = std::ranges::find_if(inputs, is_f32);
  if (std::ranges::count_if(inputs, is_f32) != 1 || first->numel() == 0) return list;
  for (double value : {std::nan(""), 1e4, -1e4}) {
    list.push_back(sample);
    Tensor& changed = list.back().op_case.inputs[static_cast<size_t>(first - inputs.begin())];
    changed = first->to(cpu_device());
    for (int64_t at : {first->numel() / 3, first->numel() / 2, first->numel() - 1})
      changed.data_as<float>()[at] = static_cast<float>(value);
    list.back().rare = fmt::format(", {} among its inputs", value);
  }
  return list;
}

void compare_variants(const OpDef& op, const SampleCase& sample, CheckReport& report) {
  const KernelProbe probe(sample);
  if (sample.sample.bench && probe.flops() > most_flops) return;
  const std::vector<std::string_view> variants = probe.variants();
  const std::vector<Tensor> expected = probe.run(variants.back(), 0x00, nullptr, report);
  for (size_t i = 0; i + 1 < variants.size(); ++i) {
    const std::vector<Tensor> got = probe.run(variants[i], 0x00, nullptr, report);
    for (size_t k = 0; k < got.size(); ++k) {
      if (!got[k]) continue;
      const double rounding = got[k].dtype() == DType::bf16  ? 0x1p-7
                              : got[k].dtype() == DType::f16 ? 0x1p-10
                                                             : 0;
      const double tolerance =
          got[k].dtype() == DType::f64 && sample.floats == DType::f64 ? 1e-12 : op.tolerance;
      compare(got[k], expected[k], tolerance, rounding,
              probe.what(variants[i], fmt::format("against the reference, output {}", k)), report);
    }
  }
}

}  // namespace

void check_memory(const OpDef& op, CheckReport& report) {
  for (const SampleCase& sample : sample_cases(op, {DType::f32, DType::f64, DType::bf16})) {
    const KernelProbe probe(sample);
    for (std::string_view variant : probe.variants())
      check_variant_memory(op, probe, variant, report);
  }
}

void check_variants(const OpDef& op, CheckReport& report) {
  for (bool bench : {false, true})
    for (const SampleCase& sample :
         sample_cases(op, {DType::f32, DType::f64, DType::bf16, DType::f16}, bench))
      compare_variants(op, sample, report);
  for (const SampleCase& sample : sample_cases(op, {DType::f32}))
    for (const SampleCase& rare : with_rare_values(sample)) compare_variants(op, rare, report);
}

}  // namespace gradus
