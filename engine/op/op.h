// SPDX-License-Identifier: Apache-2.0
// The contract of an op: one struct of plain functions and facts. docs/adding_an_op.md walks
// through one.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/device_info.h"
#include "engine/base/philox.h"
#include "engine/base/stream_handle.h"
#include "engine/op/attributes.h"
#include "engine/op/sample.h"
#include "engine/op/tensor_spec.h"

namespace gradus {

class Value;      // engine/graph/value.h
struct GradArgs;  // engine/graph/grad_args.h

enum class InputKind { required, optional, variadic };

// One input of an op. Only the last may be variadic; it stands for one or more tensors.
struct InputSpec {
  std::string_view name;
  InputKind kind = InputKind::required;
  bool differentiable = true;  // integer and mask inputs are not
};

// What `infer` and everything that runs before a kernel may look at. Absent optional inputs have
// present == false.
struct InferArgs {
  std::string_view op;
  std::span<const TensorSpec> in;
  const Attrs& attrs;

  bool has(size_t input) const { return input < in.size() && in[input].present; }
};

struct KernelQuery {
  std::span<const TensorSpec> in;
  std::span<const TensorSpec> out;
  const Attrs& attrs;
  const DeviceInfo& device;

  bool has(size_t input) const { return input < in.size() && in[input].present; }
};

// Memory of one tensor as a kernel sees it: dense row-major. `data` is null for an absent input
// (present false) and may be null for a tensor without elements.
struct TensorRef {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  bool present = true;

  int64_t numel() const { return shape.numel(); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// One call of a kernel. Inputs must not be written, except one that an output aliases
// (OpDef::aliases).
struct RunArgs {
  std::span<const TensorRef> in;
  std::span<const TensorRef> out;
  const Attrs& attrs;
  void* workspace =
      nullptr;  // as many bytes as `workspace` asked for, 64-byte aligned (256 on CUDA)
  StreamHandle stream = {};
  const RngState* rng = nullptr;  // on the device; for random ops

  bool has(size_t input) const { return input < in.size() && in[input].present; }
};

// One way to compute an op on one device. A table of these is tried from the front; the last is the
// reference: it is always usable, and the truth for the others.
struct KernelVariant {
  std::string_view name;  // "reference", "onednn", "tiled", ...
  void (*run)(const RunArgs&) = nullptr;
  int64_t (*workspace)(const KernelQuery&) =
      nullptr;  // bytes; null: none. A kernel allocates nothing itself.
  bool (*usable)(const KernelQuery&) = nullptr;  // pure function of shapes and device; null: always
};

// Output `output` may live in the memory of input `input` when no one else reads that input later.
struct Alias {
  int output;
  int input;
};

// A pointwise op in a fused chain: which tile function (kernels/elementwise.inc gives the codes),
// in which type it computes, with its scalar parameters.
struct PointwiseCode {
  int code = 0;
  DType compute = DType::f32;
  double parameters[2] = {0, 0};
};

// Work and least traffic of one call, for benchmarks and planning.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

// What the executor does when floating inputs are f16, bf16 or an 8-bit float.
enum class HalfPolicy {
  through_f32,  // converts inputs to f32, runs the f32 kernel, rounds the outputs: the rule for
                // arithmetic on the CPU
  native,       // the kernel takes them as they are: movement of data, casts
};

// How the autocast pass treats the op.
enum class AutocastClass { follow, low_precision, full_precision };

using DTypeSet = uint32_t;  // bit i stands for DType i
constexpr DTypeSet dtype_set(std::initializer_list<DType> dtypes) {
  DTypeSet set = 0;
  for (DType dtype : dtypes) set |= 1u << static_cast<int>(dtype);
  return set;
}
constexpr bool contains(DTypeSet set, DType dtype) { return (set >> static_cast<int>(dtype)) & 1u; }
inline constexpr DTypeSet float_types =
    dtype_set({DType::f64, DType::f32, DType::f16, DType::bf16});
inline constexpr DTypeSet integer_types =
    dtype_set({DType::i64, DType::i32, DType::i16, DType::i8, DType::u8});
inline constexpr DTypeSet number_types = float_types | integer_types;
inline constexpr DTypeSet all_types = number_types | dtype_set({DType::bool_});

struct OpDef {
  std::string_view name;
  std::string_view doc;  // the formula in one line, then what is worth knowing
  std::vector<InputSpec> inputs;
  std::vector<std::string_view> outputs = {
      "output"};  // a last name ending in "..." stands for any number
  // How many trailing outputs PyTorch's function does not return (running and saved statistics): a
  // gradient asked for from outside leaves them out.
  int extra_outputs = 0;
  std::vector<AttrSpec> attributes = {};
  DTypeSet dtypes = float_types;  // of the first input; checked before infer is called

  // Shapes and dtypes of the outputs, or throws `[op] what, expected, got`.
  std::vector<TensorSpec> (*infer)(const InferArgs&) = nullptr;
  // Gradients for each input (null where none), written with public ops. Null: see no_grad.
  std::vector<Value> (*grad)(GradArgs&) = nullptr;
  // Why there is no gradient: the text of the error when one is asked for ("piecewise constant",
  // ...).
  std::string_view no_grad = {};
  // A composite: built from other ops when applied; then there are no kernels of its own, and
  // `infer` may be null; otherwise it is called first, for its checks.
  std::vector<Value> (*composite)(std::span<const Value> in, const Attrs& attrs) = nullptr;

  std::vector<KernelVariant> cpu = {};
  std::vector<KernelVariant> cuda = {};
  HalfPolicy half = HalfPolicy::through_f32;

  std::vector<Alias> aliases = {};
  bool view = false;  // output 0 is input 0's memory under another shape
  std::optional<PointwiseCode> (*pointwise)(const InferArgs&) = nullptr;
  std::vector<Alias> state = {};  // output is the next version of the state read by input
  AutocastClass autocast = AutocastClass::follow;
  bool random = false;     // reads RunArgs::rng; has the attribute rng_path
  bool capturable = true;  // may run inside a captured CUDA graph

  std::vector<Sample> (*samples)() = nullptr;
  Cost (*cost)(const KernelQuery&) = nullptr;
  double tolerance = 1e-5;  // of f32 against f64, relative to the largest magnitude
};

}  // namespace gradus
