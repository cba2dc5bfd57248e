// SPDX-License-Identifier: Apache-2.0
// How a parameter gets its first values. Element i of a parameter depends on (seed, the parameter's
// path, i) alone, so the bits are the same for any number of threads and any order of parameters.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/tensor/tensor.h"

namespace gradus {

// Xavier (Glorot and Bengio 2010) keeps the variance of activations and gradients:
// variance 2 / (fan_in + fan_out). He (He et al. 2015) keeps that of activations behind a
// rectifier: variance 2 / fan_in. The uniform forms have the bound sqrt(3 * variance). For a shape
// (out, in, k...), fan_in is in * k... and fan_out is out * k...
struct Initialiser {
  enum class Kind {
    constant,        // a
    uniform,         // in [a, b)
    normal,          // mean a, standard deviation b
    xavier_uniform,  // times the gain a
    xavier_normal,
    he_uniform,
    he_normal,
    fan_in_uniform,  // bound a / sqrt(fan_in): PyTorch's default for linear and convolution
    orthogonal,      // rows or columns, whichever are fewer, are orthonormal; times the gain a
  };

  Kind kind = Kind::constant;
  double a = 0;
  double b = 0;

  static Initialiser constant(double value) { return {Kind::constant, value, 0}; }
  static Initialiser uniform(double low, double high) { return {Kind::uniform, low, high}; }
  static Initialiser normal(double mean, double deviation) {
    return {Kind::normal, mean, deviation};
  }
  static Initialiser xavier_uniform(double gain = 1) { return {Kind::xavier_uniform, gain, 0}; }
  static Initialiser xavier_normal(double gain = 1) { return {Kind::xavier_normal, gain, 0}; }
  static Initialiser he_uniform(double gain = 1) { return {Kind::he_uniform, gain, 0}; }
  static Initialiser he_normal(double gain = 1) { return {Kind::he_normal, gain, 0}; }
  static Initialiser fan_in_uniform(double gain = 1) { return {Kind::fan_in_uniform, gain, 0}; }
  static Initialiser orthogonal(double gain = 1) { return {Kind::orthogonal, gain, 0}; }

  // The kind of this name ("he_normal", ...) with the gain `scale`; of "normal" (around 0) it is
  // the deviation, of "uniform" the bound, of "constant" the value. Throws for an unknown name.
  static Initialiser named(std::string_view name, double scale = 1);

  friend bool operator==(const Initialiser&, const Initialiser&) = default;
};

// Fills `tensor` (f32 or f64, on the CPU). Throws where the shape has no fans (rank below 2) and
// the kind needs them.
void initialise(Tensor& tensor, const Initialiser& how, uint64_t seed, std::string_view path);

}  // namespace gradus
