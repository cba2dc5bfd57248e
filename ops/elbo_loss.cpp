// SPDX-License-Identifier: Apache-2.0
// The loss of variational autoencoders (Kingma, Welling 2013): minus the evidence lower bound.
#include <cmath>

#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "elbo_loss";

void check(std::span<const Value> in, double beta) {
  GRADUS_CHECK(beta >= 0 && std::isfinite(beta),
               "[{}] attribute 'beta', expected a finite number of at least 0, got {}", name, beta);
  const Value input = in[0], target = in[1], mu = in[2], log_var = in[3];
  GRADUS_CHECK(target.spec() == input.spec(), "[{}] input 'target', expected {}, got {}", name,
               to_string(input.spec()), to_string(target.spec()));
  GRADUS_CHECK(input.rank() >= 1 && mu.rank() >= 1 && mu.shape()[0] == input.shape()[0],
               "[{}] inputs 'input' and 'mu', expected the same first size, got {} and {}", name,
               to_string(input.shape()), to_string(mu.shape()));
  GRADUS_CHECK(mu.dtype() == input.dtype() && log_var.spec() == mu.spec(),
               "[{}] inputs 'mu' and 'log_var', expected one shape of {}, got {} and {}", name,
               dtype_name(input.dtype()), to_string(mu.spec()), to_string(log_var.spec()));
}

Value reconstruction_of(Value input, Value target, const std::string& kind) {
  if (kind == "bernoulli")
    return apply1("binary_cross_entropy_with_logits", {input, target}, {{"reduction", "sum"}});
  GRADUS_CHECK(kind == "gaussian",
               "[{}] attribute 'reconstruction', expected bernoulli or gaussian, got '{}'", name,
               kind);
  return 0.5 * sum(square(input - target));
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta = attrs.real("beta");
  check(in, beta);
  const std::string& reduction = attrs.text("reduction");
  GRADUS_CHECK(reduction == "mean" || reduction == "sum",
               "[{}] attribute 'reduction', expected mean or sum, got '{}'", name, reduction);
  const double samples = reduction == "mean" ? static_cast<double>(in[0].shape()[0]) : 1.0;
  const Value mu = widened(in[2]), log_var = widened(in[3]);
  const Value reconstruction =
      reconstruction_of(widened(in[0]), widened(in[1]), attrs.text("reconstruction")) / samples;
  const Value kl = sum(expm1(log_var) - log_var + square(mu)) * 0.5 / samples;
  const DType dtype = in[0].dtype();
  return {cast(reconstruction + beta * kl, dtype), cast(reconstruction, dtype), cast(kl, dtype)};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, const Shape& latent, AttrList attrs = {}) {
    return Sample{.inputs = {{.shape = shape, .lo = -2, .hi = 2},
                             {.shape = shape, .lo = 0, .hi = 1},
                             {.shape = latent, .lo = -1, .hi = 1},
                             {.shape = latent, .lo = -1, .hi = 1}},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {3, 2}),
                           sample({3, 5}, {3, 2}, {{"reconstruction", "gaussian"}, {"beta", 4}}),
                           sample({2, 1, 3, 3}, {2, 7}, {{"reduction", "sum"}}),
                           sample({1}, {1}),
                           sample({0, 3}, {0, 2}, {{"reduction", "sum"}}),
                           sample({3, 33}, {3, 1}, {{"beta", 0}}),
                           sample({128, 784}, {128, 20})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef elbo_loss_op() {
  return {.name = "elbo_loss",
          .doc =
              "reconstruction + beta * kl, both summed over a sample: cross-entropy of logits "
              "(bernoulli) or (input - target)^2 / 2 (gaussian, variance 1), and (exp(log_var) + "
              "mu^2 - 1 - log_var) / 2, the divergence of normal(mu, exp(log_var)) from normal(0, "
              "1); mean over samples (the first dim), or sum. The two terms are outputs too",
          .inputs = {{"input"}, {"target"}, {"mu"}, {"log_var"}},
          .outputs = {"output", "reconstruction", "kl"},
          .attributes = {{"reconstruction", AttrType::text, "bernoulli"},
                         {"beta", AttrType::real, 1.0},
                         reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
