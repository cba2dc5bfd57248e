// SPDX-License-Identifier: Apache-2.0
// Learning from a teacher's logits (Hinton, Vinyals, Dean 2015).
#include <cmath>

#include "engine/base/error.h"
#include "ops/class_loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "distillation_loss";

void check(std::span<const Value> in, double temperature, double alpha) {
  GRADUS_CHECK(temperature > 0 && std::isfinite(temperature),
               "[{}] attribute 'temperature', expected a finite number above 0, got {}", name,
               temperature);
  GRADUS_CHECK(alpha >= 0 && alpha <= 1, "[{}] attribute 'alpha', expected 0 to 1, got {}", name,
               alpha);
  GRADUS_CHECK(in[0].rank() >= 1, "[{}] input 'input', expected at least one dim, got {}", name,
               to_string(in[0].spec()));
  GRADUS_CHECK(in[1].spec() == in[0].spec(), "[{}] input 'teacher', expected {}, got {}", name,
               to_string(in[0].spec()), to_string(in[1].spec()));
  GRADUS_CHECK(in[2] || alpha == 1,
               "[{}] input 'target' may be absent only where alpha is 1, got alpha {}", name,
               alpha);
}

// The divergence of the student's distribution from the teacher's at each position.
Value divergence(Value student, Value teacher, double temperature) {
  const int64_t dim = class_dim(student);
  const auto log_probability = [&](Value logits) {
    return apply1("log_softmax", {temperature == 1 ? logits : logits / temperature},
                  {{"dim", dim}});
  };
  const Value wanted = log_probability(teacher);
  return sum(exp(wanted) * (wanted - log_probability(student)), {dim});
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double temperature = attrs.real("temperature"), alpha = attrs.real("alpha");
  check(in, temperature, alpha);
  const Value student = widened(in[0]);
  Value loss;
  if (alpha > 0) {
    const Value soft = divergence(student, widened(in[1]), temperature);
    loss = reduce_loss(soft, attrs, name) * (alpha * temperature * temperature);
  }
  if (alpha < 1) {
    const Value hard = apply1(
        "cross_entropy", {student, in[2]},
        {{"reduction", attrs.text("reduction")}, {"ignore_index", kernels::ignores_nothing}});
    loss = loss ? loss + hard * (1 - alpha) : hard;
  }
  return {cast(loss, in[0].dtype())};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, const Shape& positions, AttrList attrs,
                         bool labels = true) {
    const int64_t classes = shape[shape.rank() == 1 ? 0 : 1];
    return Sample{
        .inputs = {{.shape = shape, .lo = -3, .hi = 3},
                   {.shape = shape, .lo = -3, .hi = 3},
                   labels ? SampleInput::indices(positions, classes) : SampleInput::absent()},
        .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({5, 7}, {5}, {}),
                           sample({5, 7}, {5}, {{"temperature", 4}, {"alpha", 0.9}}),
                           sample({2, 3, 5}, {2, 5}, {{"temperature", 0.5}, {"reduction", "none"}}),
                           sample({4, 3}, {4}, {{"reduction", "sum"}, {"alpha", 0}}),
                           sample({4, 3}, {4}, {{"alpha", 1}, {"temperature", 2}}, false),
                           sample({3}, {}, {}),
                           sample({1, 1}, {1}, {}),
                           sample({0, 3}, {0}, {{"reduction", "sum"}}),
                           sample({3, 67}, {3}, {{"temperature", 2}}),
                           sample({2048, 1024}, {2048}, {{"temperature", 2}})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef distillation_loss_op() {
  return {.name = "distillation_loss",
          .doc =
              "alpha * T^2 * KL(softmax(teacher / T), softmax(input / T)) + (1 - alpha) * "
              "cross_entropy(input, target), T the temperature, over the classes (dim 1); T^2 "
              "keeps the size of the gradient at any T. Without target where alpha is 1",
          .inputs = {{"input"}, {"teacher"}, {"target", InputKind::optional, false}},
          .attributes = {{"temperature", AttrType::real, 1.0},
                         {"alpha", AttrType::real, 0.5},
                         reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
