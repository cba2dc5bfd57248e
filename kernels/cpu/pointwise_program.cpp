// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/pointwise_program.h"

#include <cstring>
#include <string_view>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

// 4 KiB a tile: a chain of a few values stays in the L1 cache.
constexpr int64_t tile_bytes = 4096;
constexpr int64_t tiles_per_chunk = 16;
constexpr int max_values = pointwise_max_inputs + pointwise_max_instructions;

// A broadcast input seen through the program's shape, with dims merged where possible; innermost
// last.
struct Walk {
  int rank = 0;
  std::array<int64_t, Shape::max_rank> sizes{}, strides{};
  bool contiguous = false;
};

Walk make_walk(const Shape& shape, const Shape& full) {
  Walk walk;
  const auto own = shape.strides();
  const int shift = full.rank() - shape.rank();
  for (int d = 0; d < full.rank(); ++d) {
    if (full[d] == 1) continue;
    const int64_t stride =
        d < shift || shape[d - shift] == 1 ? 0 : own[static_cast<size_t>(d - shift)];
    const size_t last = static_cast<size_t>(walk.rank - 1);
    if (walk.rank > 0 && walk.strides[last] == stride * full[d]) {
      walk.sizes[last] *= full[d];
      walk.strides[last] = stride;
      continue;
    }
    walk.sizes[static_cast<size_t>(walk.rank)] = full[d];
    walk.strides[static_cast<size_t>(walk.rank)] = stride;
    ++walk.rank;
  }
  walk.contiguous = walk.rank == 0 || (walk.rank == 1 && walk.strides[0] == 1);
  return walk;
}

template <class Stored>
auto plain(Stored value) {
  if constexpr (std::is_arithmetic_v<Stored>) {
    return value;
  } else {
    return to_float(value);
  }
}

// Gathers elements [begin, begin + count) of the broadcast input into `tile`, converted to T.
template <class T, class Stored>
void gather(const Walk& walk, const Stored* data, int64_t begin, int64_t count, T* tile) {
  std::array<int64_t, Shape::max_rank> index{};
  int64_t rest = begin, offset = 0;
  for (int d = walk.rank - 1; d >= 0; --d) {
    const size_t k = static_cast<size_t>(d);
    index[k] = rest % walk.sizes[k];
    rest /= walk.sizes[k];
    offset += index[k] * walk.strides[k];
  }
  if (walk.rank == 0) {
    for (int64_t i = 0; i < count; ++i) tile[i] = static_cast<T>(plain(data[0]));
    return;
  }
  const size_t inner = static_cast<size_t>(walk.rank - 1);
  const int64_t step = walk.strides[inner];
  for (int64_t done = 0; done < count;) {
    const int64_t run = std::min(count - done, walk.sizes[inner] - index[inner]);
    const Stored* from = data + offset;
    if (step == 0) {
      const T value = static_cast<T>(plain(from[0]));
      for (int64_t i = 0; i < run; ++i) tile[done + i] = value;
    } else {
      for (int64_t i = 0; i < run; ++i) tile[done + i] = static_cast<T>(plain(from[i * step]));
    }
    done += run;
    index[inner] += run;
    offset += run * step;
    for (size_t d = inner; d > 0 && index[d] == walk.sizes[d]; --d) {
      offset += walk.strides[d - 1] - walk.sizes[d] * walk.strides[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

// The program with everything that does not depend on the tile worked out once.
class Program {
 public:
  Program(const PointwiseArgs& args, const TileTable& table) : args_(args) {
    type_ = args.compute == DType::f32 ? 0u : args.compute == DType::f64 ? 1u : 2u;
    GRADUS_ASSERT(
        args.compute == DType::f32 || args.compute == DType::f64 || args.compute == DType::i64,
        "elementwise programs compute in f32, f64 or i64, not {}", dtype_name(args.compute));
    GRADUS_ASSERT(args.inputs.size() <= pointwise_max_inputs &&
                      args.instructions.size() <= pointwise_max_instructions,
                  "an elementwise program of {} inputs and {} instructions is too long",
                  args.inputs.size(), args.instructions.size());
    tile_ = tile_bytes / (dtype_bits(args.compute) / 8);
    for (size_t i = 0; i < args.inputs.size(); ++i)
      walks_[i] = make_walk(args.inputs[i].shape, args.shape);
    for (size_t i = 0; i < args.instructions.size(); ++i) {
      functions_[i] = table.functions[static_cast<size_t>(args.instructions[i].op)][type_];
      GRADUS_ASSERT(functions_[i] != nullptr, "pointwise op {} does not compute in {}",
                    static_cast<int>(args.instructions[i].op), dtype_name(args.compute));
    }
    const int last = static_cast<int>(args.inputs.size() + args.instructions.size()) - 1;
    for (const PointwiseOutput& output : args.outputs)
      if (output.value == last && output.dtype == args.compute) direct_ = &output;
    if (direct_) direct_at_ = args.instructions.size() - 1;
  }

  void run() const {
    parallel_range(args_.shape.numel(), tile_ * tiles_per_chunk, [&](int64_t begin, int64_t end) {
      alignas(64) std::byte scratch[max_values][tile_bytes];
      for (int64_t at = begin; at < end; at += tile_)
        run_tile(at, std::min(tile_, end - at), scratch, at == begin);
    });
  }

 private:
  using Scratch = std::byte (*)[tile_bytes];

  // The tile of an input that is one value is filled for a chunk's first tile only: the first is
  // never the shorter one.
  void run_tile(int64_t begin, int64_t count, Scratch scratch, bool first) const {
    std::array<const void*, max_values> values{};
    const size_t inputs = args_.inputs.size();
    for (size_t i = 0; i < inputs; ++i)
      values[i] = !first && walks_[i].rank == 0 ? scratch[i] : load(i, begin, count, scratch[i]);
    for (size_t i = 0; i < args_.instructions.size(); ++i) {
      const PointwiseInstruction& step = args_.instructions[i];
      const auto source = [&](size_t k) {
        return step.sources[k] < 0 ? nullptr : values[static_cast<size_t>(step.sources[k])];
      };
      void* into = i == direct_at_ ? direct(begin) : static_cast<void*>(scratch[inputs + i]);
      functions_[i](source(0), source(1), source(2), into, count, step.parameters.data());
      values[inputs + i] = into;
    }
    // Stores come last: an output may be the memory of an input. What the last instruction gives
    // may go there at once, since no other reads an input after it.
    for (const PointwiseOutput& output : args_.outputs)
      store(output, begin, count, values[static_cast<size_t>(output.value)]);
  }

  void* direct(int64_t begin) const {
    return static_cast<char*>(direct_->data) + begin * (dtype_bits(args_.compute) / 8);
  }

  const void* load(size_t input, int64_t begin, int64_t count, void* tile) const {
    const PointwiseInput& source = args_.inputs[input];
    const Walk& walk = walks_[input];
    if (source.dtype == args_.compute && walk.contiguous && walk.rank == 1)
      return static_cast<const char*>(source.data) + begin * (dtype_bits(source.dtype) / 8);
    dispatch_stored(source.dtype, [&](auto tag) {
      using Stored = typename decltype(tag)::type;
      const Stored* data = static_cast<const Stored*>(source.data);
      if (type_ == 0) gather(walk, data, begin, count, static_cast<float*>(tile));
      if (type_ == 1) gather(walk, data, begin, count, static_cast<double*>(tile));
      if (type_ == 2) gather_integer(walk, data, begin, count, static_cast<int64_t*>(tile));
    });
    return tile;
  }

  template <class Stored>
  static void gather_integer(const Walk& walk, const Stored* data, int64_t begin, int64_t count,
                             int64_t* tile) {
    if constexpr (std::is_integral_v<Stored>) {
      gather(walk, data, begin, count, tile);
    } else {
      GRADUS_ASSERT(false, "a floating input in an integer program");
    }
  }

  void store(const PointwiseOutput& output, int64_t begin, int64_t count,
             const void* values) const {
    const int64_t width = dtype_bits(output.dtype) / 8;
    void* to = static_cast<char*>(output.data) + begin * width;
    if (output.dtype == args_.compute) {
      if (to != values) std::memcpy(to, values, static_cast<size_t>(count * width));
      return;
    }
    convert_tile(output.dtype, values, to, count);
  }

  void convert_tile(DType to_type, const void* values, void* to, int64_t count) const {
    dispatch_stored(to_type, [&](auto tag) {
      using Stored = typename decltype(tag)::type;
      Stored* target = static_cast<Stored*>(to);
      if (type_ == 0) narrow(to_type, static_cast<const float*>(values), target, count);
      if (type_ == 1) narrow(to_type, static_cast<const double*>(values), target, count);
      if (type_ == 2) narrow(to_type, static_cast<const int64_t*>(values), target, count);
    });
  }

  template <class T, class Stored>
  static void narrow(DType to_type, const T* values, Stored* target, int64_t count) {
    if (to_type == DType::bool_) {
      for (int64_t i = 0; i < count; ++i) target[i] = from_bool<Stored>(values[i] != T(0));
    } else if constexpr (std::is_arithmetic_v<Stored>) {
      for (int64_t i = 0; i < count; ++i) target[i] = static_cast<Stored>(values[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) round_to(static_cast<float>(values[i]), target[i]);
    }
  }

  template <class Stored>
  static Stored from_bool(bool value) {
    if constexpr (std::is_arithmetic_v<Stored>) {
      return static_cast<Stored>(value);
    } else {
      return {};
    }
  }

  static void round_to(float value, f16& target) { target = to_f16(value); }
  static void round_to(float value, bf16& target) { target = to_bf16(value); }
  static void round_to(float value, f8e4m3& target) { target = to_f8e4m3(value); }
  static void round_to(float value, f8e5m2& target) { target = to_f8e5m2(value); }

  const PointwiseArgs& args_;
  size_t type_ = 0;
  int64_t tile_ = 0;
  std::array<Walk, pointwise_max_inputs> walks_;
  std::array<TileFunction, pointwise_max_instructions> functions_{};
  const PointwiseOutput* direct_ = nullptr;  // of the last instruction, in the type computed in
  size_t direct_at_ = pointwise_max_instructions;
};

}  // namespace

int pointwise_arity(Pointwise op) {
  switch (op) {
#define GRADUS_UNARY(name, ...) \
  case Pointwise::name:         \
    return 1;
#define GRADUS_BINARY(name, ...) \
  case Pointwise::name:          \
    return 2;
#define GRADUS_TERNARY(name, ...) \
  case Pointwise::name:           \
    return 3;
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
    default:
      return 1;
  }
}

bool pointwise_takes_integers(Pointwise op) {
  switch (op) {
#define GRADUS_UNARY(name, kind, ...) \
  case Pointwise::name:               \
    return #kind != std::string_view("real");
#define GRADUS_BINARY GRADUS_UNARY
#define GRADUS_TERNARY GRADUS_UNARY
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
    default:
      return op != Pointwise::round_f16 && op != Pointwise::round_bf16;
  }
}

void run_pointwise(const PointwiseArgs& args, const TileTable& table) {
  Program(args, table).run();
}

}  // namespace gradus::kernels
