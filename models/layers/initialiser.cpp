// SPDX-License-Identifier: Apache-2.0
#include "models/layers/initialiser.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

using Kind = Initialiser::Kind;

constexpr int64_t chunk_elements = 1 << 14;  // a multiple of 4: chunks start at a Philox block

struct Fans {
  double in, out;
};

Fans fans_of(const Shape& shape, std::string_view path) {
  GRADUS_CHECK(shape.rank() >= 2, "[{}] initialiser by fan-in needs a shape (out, in, ...), got {}",
               path, to_string(shape));
  const auto kernel = static_cast<double>(shape.product(2, shape.rank()));
  return {static_cast<double>(shape[1]) * kernel, static_cast<double>(shape[0]) * kernel};
}

double variance_of(const Initialiser& how, const Fans& fans) {
  switch (how.kind) {
    case Kind::xavier_uniform:
    case Kind::xavier_normal:
      return how.a * how.a * 2 / (fans.in + fans.out);
    case Kind::he_uniform:
    case Kind::he_normal:
      return how.a * how.a * 2 / fans.in;
    default:
      return how.a * how.a / (3 * fans.in);  // fan_in_uniform: the bound a / sqrt(fan_in)
  }
}

// What a kind comes down to: uniform in [a, b) or normal with mean a and deviation b.
Initialiser resolve(const Initialiser& how, const Shape& shape, std::string_view path) {
  switch (how.kind) {
    case Kind::xavier_uniform:
    case Kind::he_uniform:
    case Kind::fan_in_uniform: {
      const double bound = std::sqrt(3 * variance_of(how, fans_of(shape, path)));
      return Initialiser::uniform(-bound, bound);
    }
    case Kind::xavier_normal:
    case Kind::he_normal:
      return Initialiser::normal(0, std::sqrt(variance_of(how, fans_of(shape, path))));
    default:
      return how;
  }
}

// In the open interval (0, 1).
double open_unit(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

struct Draws {
  double value[4];
};

Draws uniform_draws(const Philox4& words, const Initialiser& how) {
  Draws draws;
  for (int i = 0; i < 4; ++i) draws.value[i] = how.a + (how.b - how.a) * open_unit(words.v[i]);
  return draws;
}

// Box and Muller: two words give two independent normal numbers.
Draws normal_draws(const Philox4& words, const Initialiser& how) {
  Draws draws;
  for (int i = 0; i < 4; i += 2) {
    const double radius = how.b * std::sqrt(-2 * std::log(open_unit(words.v[i])));
    const double angle = 2 * std::numbers::pi * open_unit(words.v[i + 1]);
    draws.value[i] = how.a + radius * std::cos(angle);
    draws.value[i + 1] = how.a + radius * std::sin(angle);
  }
  return draws;
}

// Elements 4 * block .. 4 * block + 3 come from one Philox block.
template <class T>
void fill_random(T* out, int64_t count, const Initialiser& how, PhiloxKey key) {
  parallel_range(count, chunk_elements, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += 4) {
      const auto block = static_cast<uint64_t>(first / 4);
      const Philox4 words = philox4x32_10(
          {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0u, 0u}}, key);
      const Draws draws =
          how.kind == Kind::normal ? normal_draws(words, how) : uniform_draws(words, how);
      for (int64_t i = first; i < std::min(first + 4, end); ++i)
        out[i] = static_cast<T>(draws.value[i - first]);
    }
  });
}

double dot(const double* a, const double* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// Gram and Schmidt over rows, each projected out twice ("twice is enough": Kahan and Parlett), so
// that rows are orthogonal to rounding. Of normal rows it gives Haar's distribution.
void orthonormalise_rows(std::vector<double>& matrix, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    double* row = matrix.data() + r * cols;
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t k = 0; k < r; ++k) {
        const double* other = matrix.data() + k * cols;
        const double projection = dot(row, other, cols);
        for (int64_t i = 0; i < cols; ++i) row[i] -= projection * other[i];
      }
    }
    const double scale = 1 / std::sqrt(dot(row, row, cols));
    for (int64_t i = 0; i < cols; ++i) row[i] *= scale;
  }
}

template <class T>
void fill_orthogonal(T* out, const Shape& shape, double gain, PhiloxKey key) {
  const int64_t rows = shape[0], cols = shape.product(1, shape.rank());
  const int64_t fewer = std::min(rows, cols), more = std::max(rows, cols);
  std::vector<double> matrix(static_cast<size_t>(fewer * more));
  fill_random(matrix.data(), fewer * more, Initialiser::normal(0, 1), key);
  orthonormalise_rows(matrix, fewer, more);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c)
      out[r * cols + c] = static_cast<T>(
          gain * matrix[static_cast<size_t>(rows <= cols ? r * more + c : c * more + r)]);
}

}  // namespace

Initialiser Initialiser::named(std::string_view name, double scale) {
  if (name == "constant") return constant(scale);
  if (name == "normal") return normal(0, scale);
  if (name == "uniform") return uniform(-scale, scale);
  constexpr std::pair<std::string_view, Kind> kinds[] = {
      {"xavier_uniform", Kind::xavier_uniform}, {"xavier_normal", Kind::xavier_normal},
      {"he_uniform", Kind::he_uniform},         {"he_normal", Kind::he_normal},
      {"fan_in_uniform", Kind::fan_in_uniform}, {"orthogonal", Kind::orthogonal},
  };
  for (const auto& [known, kind] : kinds)
    if (known == name) return {kind, scale, 0};
  failf(ErrorKind::invalid_argument, "", "unknown initialiser '{}'", name);
}

void initialise(Tensor& tensor, const Initialiser& how, uint64_t seed, std::string_view path) {
  const Shape& shape = tensor.shape();
  const PhiloxKey key = philox_key({seed, 0, 0}, path_id(path));
  GRADUS_CHECK(tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64,
               "[{}] initialiser, expected f32 or f64, got {}", path, dtype_name(tensor.dtype()));
  const Initialiser plain = resolve(how, shape, path);
  dispatch_float(tensor.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = tensor.data_as<T>();
    if (plain.kind == Kind::constant) {
      std::fill(out, out + tensor.numel(), static_cast<T>(plain.a));
    } else if (plain.kind == Kind::orthogonal) {
      GRADUS_CHECK(shape.rank() >= 2, "[{}] orthogonal initialiser needs rank 2 or more, got {}",
                   path, to_string(shape));
      fill_orthogonal(out, shape, plain.a, key);
    } else {
      fill_random(out, tensor.numel(), plain, key);
    }
  });
}

}  // namespace gradus
