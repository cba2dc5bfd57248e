// SPDX-License-Identifier: Apache-2.0
#include "training/sample_mixing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

// In (0, 1): its logarithm is finite.
double open_uniform(PhiloxKey key, uint64_t& index) {
  return (static_cast<double>(philox_word(key, index++)) + 0.5) * 0x1p-32;
}

double normal_number(PhiloxKey key, uint64_t& index) {
  const double radius = std::sqrt(-2 * std::log(open_uniform(key, index)));
  return radius * std::cos(2 * std::numbers::pi * open_uniform(key, index));
}

// The logarithm of a number of the gamma distribution (Marsaglia and Tsang 2000); a shape below 1
// by that of shape + 1, whose draws times u^(1 / shape) have it.
double log_gamma_number(double shape, PhiloxKey key, uint64_t& index) {
  if (shape < 1) {
    const double boosted = log_gamma_number(shape + 1, key, index);
    return boosted + std::log(open_uniform(key, index)) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal_number(key, index), v = std::pow(1 + c * x, 3);
    const double u = open_uniform(key, index);
    if (v > 0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

// Sides of an image, and how many planes of it a sample has.
struct Planes {
  int64_t batch, count, height, width;
};

Planes planes_of(const Tensor& inputs) {
  const Shape& shape = inputs.shape();
  const int rank = shape.rank();
  GRADUS_CHECK(rank >= 3, "[mix.cutmix] expected images, got inputs {}", to_string(shape));
  const int64_t height = shape[rank - 2], width = shape[rank - 1];
  return {shape[0], inputs.numel() / std::max<int64_t>(shape[0] * height * width, 1), height,
          width};
}

struct Box {
  int64_t top, bottom, left, right;
};

// The box of a share 1 - `share` of the area around a random point, cut at the edges.
Box draw_box(const Planes& planes, double share, PhiloxKey key, uint64_t& index) {
  const double side = std::sqrt(1 - share);
  const auto span = [&](int64_t length) {
    const auto half = static_cast<int64_t>(side * static_cast<double>(length) / 2);
    const auto centre =
        static_cast<int64_t>(open_uniform(key, index) * static_cast<double>(length));
    return std::pair{std::max<int64_t>(centre - half, 0), std::min(centre + half, length)};
  };
  const auto [top, bottom] = span(planes.height);
  const auto [left, right] = span(planes.width);
  return {top, bottom, left, right};
}

// Walks the samples along their partners, i, i + shift, i + 2 shift, ..., round by round: a
// sample is read by the one before it, and the first of a round is kept for its last.
template <class Combine>
void along_partners(int64_t batch, int64_t shift, int64_t bytes, uint8_t* data,
                    const Combine& combine) {
  std::vector<uint8_t> first(static_cast<size_t>(bytes));
  std::vector<bool> done(static_cast<size_t>(batch));
  for (int64_t begin = 0; begin < batch; ++begin) {
    if (done[static_cast<size_t>(begin)]) continue;
    std::memcpy(first.data(), data + begin * bytes, first.size());
    for (int64_t i = begin;;) {
      done[static_cast<size_t>(i)] = true;
      const int64_t next = (i + shift) % batch;
      combine(data + i * bytes, next == begin ? first.data() : data + next * bytes);
      if (next == begin) break;
      i = next;
    }
  }
}

template <class T>
void blend(T* own, const T* other, int64_t count, double share) {
  const T mine = static_cast<T>(share), rest = static_cast<T>(1 - share);
  for (int64_t k = 0; k < count; ++k) own[k] = mine * own[k] + rest * other[k];
}

template <class T>
void paste(T* own, const T* other, const Planes& planes, const Box& box) {
  for (int64_t plane = 0; plane < planes.count; ++plane)
    for (int64_t row = box.top; row < box.bottom; ++row) {
      const int64_t at = (plane * planes.height + row) * planes.width;
      std::copy(other + at + box.left, other + at + box.right, own + at + box.left);
    }
}

}  // namespace

SampleMixing make_sample_mixing(const Recipe& recipe) {
  return {recipe.real("mix.mixup"), recipe.real("mix.cutmix")};
}

// The logarithms keep it a number where both draws are too small for one.
double beta_number(double alpha, PhiloxKey key, uint64_t& index) {
  const double a = log_gamma_number(alpha, key, index), b = log_gamma_number(alpha, key, index);
  return 1 / (1 + std::exp(b - a));
}

Mixture mix_samples(const SampleMixing& mixing, const RngState& rng, Tensor& inputs,
                    const Tensor& targets, Tensor& partners) {
  const int64_t batch = inputs.shape()[0];
  const PhiloxKey key = philox_key(rng, path_id("mix"));
  uint64_t index = 0;
  const double coin = open_uniform(key, index), place = open_uniform(key, index);
  const bool cut = mixing.cutmix > 0 && (mixing.mixup == 0 || coin < 0.5);
  Mixture mixture;
  mixture.share = beta_number(cut ? mixing.cutmix : mixing.mixup, key, index);
  if (batch > 1)
    mixture.shift =
        1 + std::min(static_cast<int64_t>(place * static_cast<double>(batch - 1)), batch - 2);
  const int64_t bytes = inputs.bytes() / std::max<int64_t>(batch, 1), size = inputs.numel() / batch;
  auto* data = static_cast<uint8_t*>(inputs.data());
  dispatch_float(inputs.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto mix_each = [&](const auto& combine) {
      along_partners(batch, mixture.shift, bytes, data, [&](uint8_t* own, const uint8_t* other) {
        combine(reinterpret_cast<T*>(own), reinterpret_cast<const T*>(other));
      });
    };
    if (!cut) {
      mix_each([&](T* own, const T* other) { blend(own, other, size, mixture.share); });
      return;
    }
    const Planes planes = planes_of(inputs);
    const Box box = draw_box(planes, mixture.share, key, index);
    mix_each([&](T* own, const T* other) { paste(own, other, planes, box); });
    mixture.share = 1 - static_cast<double>((box.bottom - box.top) * (box.right - box.left)) /
                            static_cast<double>(planes.height * planes.width);
  });
  const int64_t row = targets.bytes() / batch;
  for (int64_t i = 0; i < batch; ++i)
    std::memcpy(static_cast<uint8_t*>(partners.data()) + i * row,
                static_cast<const uint8_t*>(targets.data()) + (i + mixture.shift) % batch * row,
                static_cast<size_t>(row));
  return mixture;
}

}  // namespace gradus
