// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "gan_discriminator_loss";

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Value real = in[0], fake = in[1];
  GRADUS_CHECK(fake.dtype() == real.dtype(), "[{}] input 'fake', expected {}, got {}", name,
               dtype_name(real.dtype()), dtype_name(fake.dtype()));
  GRADUS_CHECK(attrs.text("reduction") != "none",
               "[{}] attribute 'reduction', expected mean or sum, got 'none'", name);
  const Value loss = reduce_loss(log1p_exp(-widened(real)), attrs, name) +
                     reduce_loss(log1p_exp(widened(fake)), attrs, name);
  return {cast(loss, real.dtype())};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& real, const Shape& fake, AttrList attrs = {}) {
    return Sample{
        .inputs = {{.shape = real, .lo = -4, .hi = 4}, {.shape = fake, .lo = -4, .hi = 4}},
        .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({5, 1}, {5, 1}),
                           sample({3, 7}, {2}, {{"reduction", "sum"}}),
                           sample({}, {}),
                           sample({1}, {33}),
                           sample({0, 3}, {0, 3}, {{"reduction", "sum"}}),
                           sample({1 << 20}, {1 << 20})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef gan_discriminator_loss_op() {
  return {.name = "gan_discriminator_loss",
          .doc =
              "-mean(log(D(real))) - mean(log(1 - D(fake))) for D, the sigmoid of a "
              "discriminator's logits (Goodfellow et al. 2014)",
          .inputs = {{"real"}, {"fake"}},
          .attributes = {reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
