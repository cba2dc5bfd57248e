// SPDX-License-Identifier: Apache-2.0
// What the fuse pass emits: several elementwise ops in one pass over tiles. Made after autodiff, so
// it has no gradient.
#include "engine/base/error.h"
#include "kernels/elementwise.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::Pointwise;

// The attribute `program` holds five numbers an instruction: code, dtype of the result, three
// sources.
constexpr size_t words = 5;

DType dtype_at(int64_t word) {
  GRADUS_CHECK(word >= 0 && word < dtype_count, "[fused] no dtype has the number {}", word);
  return static_cast<DType>(word);
}

DType checked_compute(const InferArgs& args) {
  const DType compute = args.attrs.dtype("compute");
  GRADUS_CHECK(compute == DType::f32 || compute == DType::f64 || compute == DType::i64,
               "[fused] attribute 'compute', expected f32, f64 or i64, got {}",
               dtype_name(compute));
  for (const TensorSpec& in : args.in)
    GRADUS_CHECK(compute != DType::i64 || !is_floating(in.dtype),
                 "[fused] computes in i64, but an input is {}", dtype_name(in.dtype));
  return compute;
}

void check_program(const InferArgs& args) {
  const auto& program = args.attrs.integers("program");
  const size_t count = program.size() / words;
  GRADUS_CHECK(program.size() % words == 0 && count > 0 &&
                   2 * count <= kernels::pointwise_max_instructions &&
                   args.attrs.reals("parameters").size() == 2 * count &&
                   args.in.size() <= kernels::pointwise_max_inputs,
               "[fused] a program of {} numbers, {} parameters and {} inputs is not legal",
               program.size(), args.attrs.reals("parameters").size(), args.in.size());
  const DType compute = checked_compute(args);
  const int64_t inputs = static_cast<int64_t>(args.in.size());
  for (size_t i = 0; i < count; ++i) {
    const int64_t code = program[i * words];
    GRADUS_CHECK(code >= 0 && code < static_cast<int64_t>(Pointwise::count),
                 "[fused] no pointwise op has the code {}", code);
    const Pointwise op = static_cast<Pointwise>(code);
    GRADUS_CHECK(compute != DType::i64 || kernels::pointwise_takes_integers(op),
                 "[fused] the pointwise op {} does not compute in i64", code);
    const DType result = dtype_at(program[i * words + 1]);
    GRADUS_CHECK(compute != DType::i64 || !is_reduced_float(result),
                 "[fused] instruction {} computes in i64, but gives {}", i, dtype_name(result));
    const int arity = kernels::pointwise_arity(op);
    for (int k = 0; k < 3; ++k) {
      const int64_t source = program[i * words + 2 + static_cast<size_t>(k)];
      GRADUS_CHECK(source >= (k < arity ? 0 : -1) && source < inputs + static_cast<int64_t>(i),
                   "[fused] instruction {} reads value {}", i, source);
    }
  }
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_program(args);
  const Shape size(args.attrs.integers("size"));
  for (const TensorSpec& in : args.in)
    GRADUS_CHECK(broadcast(in.shape, size, "fused") == size,
                 "[fused] an input of {} does not fit {}", to_string(in.shape), to_string(size));
  const auto& program = args.attrs.integers("program");
  std::vector<TensorSpec> outputs;
  for (int64_t value : args.attrs.integers("stored")) {
    const auto inputs = static_cast<int64_t>(args.in.size());
    const auto count = static_cast<int64_t>(program.size() / words);
    GRADUS_CHECK(value >= inputs && value < inputs + count, "[fused] there is no value {} to store",
                 value);
    const int64_t instruction = value - inputs;
    outputs.push_back({dtype_at(program[static_cast<size_t>(instruction) * words + 1]), size});
    GRADUS_CHECK(contains(all_types, outputs.back().dtype), "[fused] dtype {} is for storage only",
                 dtype_name(outputs.back().dtype));
    (void)outputs.back().bytes();
  }
  GRADUS_CHECK(!outputs.empty() && outputs.size() <= kernels::pointwise_max_outputs,
               "[fused] outputs, expected 1 to {}, got {}", kernels::pointwise_max_outputs,
               outputs.size());
  return outputs;
}

// The program in the kernel's form. Reduced floats are rounded after each instruction, as separate
// ops would be.
struct Decoded {
  std::array<kernels::PointwiseInput, kernels::pointwise_max_inputs> inputs;
  std::array<kernels::PointwiseInstruction, kernels::pointwise_max_instructions> instructions;
  std::array<kernels::PointwiseOutput, kernels::pointwise_max_outputs> outputs;
  size_t count = 0;

  explicit Decoded(const RunArgs& args) {
    const auto& program = args.attrs.integers("program");
    const auto& parameters = args.attrs.reals("parameters");
    const int first = static_cast<int>(args.in.size());
    std::array<int, kernels::pointwise_max_inputs + kernels::pointwise_max_instructions> renamed{};
    for (int i = 0; i < first; ++i) {
      inputs[static_cast<size_t>(i)] = {args.in[static_cast<size_t>(i)].data,
                                        args.in[static_cast<size_t>(i)].dtype,
                                        args.in[static_cast<size_t>(i)].shape};
      renamed[static_cast<size_t>(i)] = i;
    }
    for (size_t i = 0; i < program.size() / words; ++i) {
      const int64_t* word = &program[i * words];
      kernels::PointwiseInstruction& step = instructions[count++];
      step.op = static_cast<Pointwise>(word[0]);
      step.parameters = {parameters[2 * i], parameters[2 * i + 1]};
      for (size_t k = 0; k < 3; ++k)
        step.sources[k] = word[2 + k] < 0 ? -1 : renamed[static_cast<size_t>(word[2 + k])];
      round(static_cast<DType>(word[1]), first);
      renamed[static_cast<size_t>(first) + i] = first + static_cast<int>(count) - 1;
    }
    const auto& stored = args.attrs.integers("stored");
    for (size_t k = 0; k < stored.size(); ++k)
      outputs[k] = {args.out[k].data, args.out[k].dtype, renamed[static_cast<size_t>(stored[k])]};
  }

  void round(DType dtype, int first) {
    if (dtype != DType::f16 && dtype != DType::bf16) return;
    const int value = first + static_cast<int>(count) - 1;
    instructions[count++] = {dtype == DType::f16 ? Pointwise::round_f16 : Pointwise::round_bf16,
                             {value, -1, -1},
                             {0, 0}};
  }
};

kernels::PointwiseArgs bind(const Decoded& program, const RunArgs& args) {
  return {args.attrs.dtype("compute"), args.out[0].shape,
          std::span(program.inputs).first(args.in.size()),
          std::span(program.instructions).first(program.count),
          std::span(program.outputs).first(args.out.size())};
}

// Evaluated by the same variant as the ops by themselves: the same bits.
template <void (*evaluate)(const kernels::PointwiseArgs&)>
void run(const RunArgs& args) {
  const Decoded program(args);
  evaluate(bind(program, args));
}

template <class>
void run_cuda(const RunArgs& args) {
  const Decoded program(args);
  kernels::pointwise_cuda(bind(program, args), args.stream);
}

std::vector<KernelVariant> variants() {
  std::vector<KernelVariant> rows;
#if defined(__x86_64__) || defined(__i386__)
  rows.push_back(
      {"avx512", run<kernels::pointwise_cpu_avx512>, nullptr, [](const KernelQuery& query) {
         return query.device.avx512 && query.attrs.dtype("compute") == DType::f32;
       }});
  rows.push_back({"avx2", run<kernels::pointwise_cpu_avx2>, nullptr, [](const KernelQuery& query) {
                    return query.device.avx2 && query.attrs.dtype("compute") == DType::f32;
                  }});
#endif
  rows.push_back({"reference", run<kernels::pointwise_cpu_reference>});
  return rows;
}

constexpr int64_t word_of(Pointwise op) { return static_cast<int64_t>(op); }
constexpr int64_t word_of(DType dtype) { return static_cast<int64_t>(dtype); }

AttrList program(AttrValue::Integers size, AttrValue::Integers instructions,
                 AttrValue::Integers stored) {
  AttrValue::Reals parameters;
  for (size_t i = 0; i < instructions.size(); i += words) {
    const bool is_add = instructions[i] == word_of(Pointwise::add);
    parameters.insert(parameters.end(), {is_add ? 1.0 : 0.0, 0.0});  // alpha
  }
  return {{"size", std::move(size)},
          {"compute", DType::f32},
          {"program", std::move(instructions)},
          {"parameters", parameters},
          {"stored", std::move(stored)}};
}

std::vector<Sample> samples() {
  const int64_t f32 = word_of(DType::f32);
  // exp(x) * x; tanh(x * y) + y, which stores the product as well; where(x > y, z, y)
  const AttrValue::Integers one{word_of(Pointwise::exp), f32, 0, -1, -1,
                                word_of(Pointwise::mul), f32, 1, 0,  -1};
  const AttrValue::Integers two{word_of(Pointwise::mul),  f32, 0, 1,  -1,
                                word_of(Pointwise::tanh), f32, 2, -1, -1,
                                word_of(Pointwise::add),  f32, 3, 1,  -1};
  const AttrValue::Integers three{word_of(Pointwise::gt),
                                  word_of(DType::bool_),
                                  0,
                                  1,
                                  -1,
                                  word_of(Pointwise::where),
                                  f32,
                                  3,
                                  2,
                                  1};
  return {
      {.inputs = {{.shape = {7}}}, .attrs = program({7}, one, {2}), .grad = false},
      {.inputs = {{.shape = {3, 5}}, {.shape = {5}}},
       .attrs = program({3, 5}, two, {4, 2}),
       .grad = false},
      {.inputs = {{.shape = {}}, {.shape = {1}}}, .attrs = program({1}, two, {4}), .grad = false},
      {.inputs = {{.shape = {0}}, {.shape = {1}}}, .attrs = program({0}, two, {4}), .grad = false},
      {.inputs = {{.shape = {3, 1}}, {.shape = {5}}, {.shape = {3, 5}}},
       .attrs = program({3, 5}, three, {4, 3}),
       .grad = false},
      {.inputs = {{.shape = {1 << 20}}, {.shape = {1 << 20}}},
       .attrs = program({1 << 20}, two, {4}),
       .bench = true}};
}

}  // namespace

OpDef fused_op() {
  OpDef def{
      .name = "fused",
      .doc = "a chain of elementwise ops in one pass; made by the fuse pass",
      .inputs = {{"inputs", InputKind::variadic}},
      .outputs = {"outputs..."},
      .attributes = {{"size", AttrType::integers, {}, true},
                     {"compute", AttrType::dtype, {}, true},
                     {"program", AttrType::integers, {}, true},
                     {"parameters", AttrType::reals, {}, true},
                     {"stored", AttrType::integers, {}, true}},
      .dtypes = all_types,
      .infer = infer,
      .no_grad = "made after the gradient is taken",
      .cpu = variants(),
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"program", run_cuda<decltype(tag)>}};
      }),
      .half = HalfPolicy::native,
      .pointwise = [](const InferArgs&) -> std::optional<PointwiseCode> { return {}; },
      .samples = samples,
      .cost =
          [](const KernelQuery& query) {
            const double count =
                static_cast<double>(query.attrs.integers("program").size()) / words;
            return Cost{count * static_cast<double>(query.out[0].numel()), least_bytes(query)};
          }};
  for (int out = 0; out < kernels::pointwise_max_outputs; ++out)
    for (int in = 0; in < kernels::pointwise_max_inputs; ++in) def.aliases.push_back({out, in});
  return def;
}

}  // namespace gradus
