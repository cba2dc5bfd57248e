// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "gan_generator_loss";

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Value fake = widened(in[0]);
  const std::string& form = attrs.text("form");
  GRADUS_CHECK(form == "non_saturating" || form == "minimax",
               "[{}] attribute 'form', expected non_saturating or minimax, got '{}'", name, form);
  const Value loss = form == "minimax" ? -log1p_exp(fake) : log1p_exp(-fake);
  return {cast(reduce_loss(loss, attrs, name), in[0].dtype())};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& fake, AttrList attrs = {}) {
    return Sample{.inputs = {{.shape = fake, .lo = -4, .hi = 4}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({5, 1}),
                           sample({3, 7}, {{"form", "minimax"}}),
                           sample({3, 7}, {{"form", "minimax"}, {"reduction", "none"}}),
                           sample({}),
                           sample({1}),
                           sample({33}),
                           sample({0, 3}, {{"reduction", "sum"}}),
                           sample({1 << 20})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef gan_generator_loss_op() {
  return {.name = "gan_generator_loss",
          .doc =
              "-log(D(fake)), or minimax: log(1 - D(fake)), for D, the sigmoid of a "
              "discriminator's logits; minimax has hardly a gradient where D is sure of the fake",
          .inputs = {{"fake"}},
          .attributes = {{"form", AttrType::text, "non_saturating"}, reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
