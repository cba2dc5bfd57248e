// SPDX-License-Identifier: Apache-2.0
// Elementwise programs on CUDA: from the general form to the evaluator's.
#include "engine/base/error.h"
#include "kernels/cuda/pointwise_program.h"

namespace gradus::kernels {
namespace {

constexpr int max_values = pointwise_max_inputs + pointwise_max_instructions;

bool aligned(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(bytes) == 0;
}

// Elements that a thread computes.
int width(DType compute) { return compute == DType::f32 ? 4 : 2; }

int64_t vector_bytes(DType stored, DType compute) {
  return width(compute) * (dtype_bits(stored) / 8);
}

PointwiseSource make_source(const PointwiseInput& input, const PointwiseArgs& args) {
  PointwiseSource source = {};
  source.data = input.data;
  source.dtype = input.dtype;
  const Shape &shape = input.shape, &full = args.shape;
  const auto own = shape.strides();
  const int shift = full.rank() - shape.rank();
  for (int d = 0; d < full.rank(); ++d) {
    if (full[d] == 1) continue;
    const bool repeats = d < shift || shape[d - shift] == 1;
    const int64_t stride = repeats ? 0 : own[static_cast<size_t>(d - shift)];
    const int last = source.rank - 1;
    if (last >= 0 && source.strides[last] == stride * full[d]) {
      source.sizes[last] *= full[d];
      source.strides[last] = stride;
      continue;
    }
    source.sizes[source.rank] = full[d];
    source.strides[source.rank++] = stride;
  }
  if (source.rank == 1 && source.strides[0] == 0) source.rank = 0;
  source.vector = source.rank == 1 && source.strides[0] == 1 &&
                  aligned(input.data, vector_bytes(input.dtype, args.compute));
  return source;
}

// The last instruction that reads each value; all instructions' count where it is stored.
std::array<int, max_values> last_readers(const PointwiseArgs& args) {
  std::array<int, max_values> last{};
  last.fill(-1);
  for (size_t i = 0; i < args.instructions.size(); ++i)
    for (const int source : args.instructions[i].sources)
      if (source >= 0) last[static_cast<size_t>(source)] = static_cast<int>(i);
  for (const PointwiseOutput& output : args.outputs)
    last[static_cast<size_t>(output.value)] = static_cast<int>(args.instructions.size());
  return last;
}

// Gives results their slots, instruction by instruction.
class Slots {
 public:
  explicit Slots(const PointwiseArgs& args)
      : last_(last_readers(args)), inputs_(static_cast<int>(args.inputs.size())) {
    of_.fill(pointwise_nothing);
  }

  // Where instruction `at` finds a value.
  int8_t find(int value, int at) const {
    if (value < 0) return pointwise_nothing;
    if (value < inputs_) return static_cast<int8_t>(value);
    if (value == inputs_ + at - 1) return pointwise_previous;
    return of_[static_cast<size_t>(value)];
  }

  // The slot for the result of instruction `at`; none where only the next one reads it.
  int8_t keep(int at) {
    const int value = inputs_ + at;
    if (last_[static_cast<size_t>(value)] <= at + 1) return pointwise_nothing;
    for (int slot = 0;; ++slot) {
      int& free_after = free_after_[static_cast<size_t>(slot)];
      if (slot < count_ && free_after > at) continue;
      count_ = slot < count_ ? count_ : slot + 1;
      free_after = last_[static_cast<size_t>(value)];
      of_[static_cast<size_t>(value)] = static_cast<int8_t>(pointwise_first_slot + slot);
      return of_[static_cast<size_t>(value)];
    }
  }

  int count() const { return count_; }

 private:
  std::array<int, max_values> last_;
  std::array<int8_t, max_values> of_{};
  std::array<int, pointwise_max_instructions> free_after_{};
  int inputs_;
  int count_ = 0;
};

PointwiseProgram make_program(const PointwiseArgs& args) {
  PointwiseProgram program = {};
  program.count = args.shape.numel();
  for (size_t i = 0; i < args.inputs.size(); ++i)
    program.source[i] = make_source(args.inputs[i], args);
  Slots slots(args);
  for (const PointwiseInstruction& from : args.instructions) {
    PointwiseStep& step = program.step[program.steps];
    step.op = static_cast<int16_t>(from.op);
    for (int k = 0; k < 3; ++k) {
      step.sources[k] = slots.find(from.sources[static_cast<size_t>(k)], program.steps);
      step.parameters[k % 2] = from.parameters[static_cast<size_t>(k % 2)];
    }
    step.slot = slots.keep(program.steps);
    ++program.steps;
  }
  for (const PointwiseOutput& output : args.outputs)
    program.target[program.targets++] = {
        output.data, output.dtype, slots.find(output.value, program.steps),
        aligned(output.data, vector_bytes(output.dtype, args.compute))};
  program.slots = slots.count();
  return program;
}

}  // namespace

bool pointwise_cuda_stores(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i64:
    case DType::i32:
    case DType::i16:
    case DType::i8:
    case DType::u8:
    case DType::bool_:
      return true;
    default:
      return false;
  }
}

void pointwise_cuda(const PointwiseArgs& args, StreamHandle stream) {
  GRADUS_ASSERT(args.inputs.size() <= pointwise_max_inputs && !args.instructions.empty() &&
                    args.instructions.size() <= pointwise_max_instructions &&
                    args.outputs.size() <= pointwise_max_outputs,
                "an elementwise program of {} inputs and {} instructions is too long",
                args.inputs.size(), args.instructions.size());
  if (args.shape.numel() == 0) return;
  const PointwiseProgram program = make_program(args);
  if (args.compute == DType::f32) return launch_pointwise_f32(program, stream);
  if (args.compute == DType::f64) return launch_pointwise_f64(program, stream);
  launch_pointwise_i64(program, stream);
}

}  // namespace gradus::kernels
