// SPDX-License-Identifier: Apache-2.0
#include "training/lbfgs.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "training/flat_vectors.h"
#include "training/line_search.h"

namespace gradus {
namespace {

constexpr std::string_view previous_name = "optimizer.lbfgs.previous_gradient";
constexpr std::string_view direction_name = "optimizer.lbfgs.direction";
constexpr std::string_view changes_name = "optimizer.lbfgs.changes";
constexpr std::string_view moves_name = "optimizer.lbfgs.moves";
constexpr std::string_view factors_name = "optimizer.lbfgs.factors";
constexpr std::string_view numbers_name = "optimizer.lbfgs.numbers";
constexpr std::string_view work_name = "optimizer.lbfgs.work";

// What `numbers` holds, all of it whole but the last two.
enum Number : size_t { iterations, evaluations, pairs, oldest, distance, scale, number_count };

// Rows of `work`: where a line search starts, and gradients of its points.
constexpr int64_t work_rows = 1 + (line_places - 1);

constexpr double least_curvature = 1e-10;  // of a move and its change of gradient that are kept

void refuse(bool wanted, std::string_view key, std::string_view why) {
  GRADUS_CHECK(!wanted, "[{}] does not go with optimizer.name=lbfgs, which {}", key, why);
}

// The states, and what a step needs beside them.
struct Memory {
  std::vector<Tensor>& weights;
  Tensor &gradient, &previous, &direction, &changes, &moves, &factors, &numbers, &work;
  std::vector<double>&alphas, &partial;
};

// The step of one dtype.
template <class T>
class Step {
 public:
  using Vector = std::span<T>;

  Step(const LbfgsOptions& options, const Memory& memory, double lr,
       const std::function<double()>& evaluate)
      : options_(options),
        memory_(memory),
        lr_(lr),
        evaluate_(evaluate),
        count_(memory.gradient.numel()),
        numbers_(memory.numbers.data_as<double>()),
        gradient_(all(memory.gradient)),
        direction_(all(memory.direction)) {
    check();
  }

  double run() {
    const double before = evaluate();
    if (!std::isfinite(before)) return before;
    if (is_flat()) return before;
    loss_ = before;
    for (int64_t move = 1; move <= options_.max_iter && advance(move); ++move) {
    }
    // Nothing of this lasts beyond a step.
    assign_each(all(memory_.work), [](size_t) { return 0.0; });
    return before;
  }

 private:
  static Vector all(Tensor& tensor) {
    return {tensor.data_as<T>(), static_cast<size_t>(tensor.numel())};
  }
  Vector row(Tensor& matrix, int64_t i) const {
    return {matrix.data_as<T>() + i * count_, static_cast<size_t>(count_)};
  }
  Vector place(int i) { return i == 0 ? all(memory_.previous) : row(memory_.work, i); }
  double& factor(int64_t i) { return memory_.factors.data_as<double>()[i]; }

  int64_t whole(Number which) const { return static_cast<int64_t>(numbers_[which]); }
  // The row of the pair that is `age` pairs younger than the oldest.
  int64_t pair_row(int64_t age) const { return (whole(oldest) + age) % options_.history_size; }

  void check() const {
    const auto within = [&](Number which, int64_t end) {
      const double value = numbers_[which];
      return value >= 0 && value <= static_cast<double>(end) && value == std::floor(value);
    };
    constexpr int64_t most = int64_t{1} << 53;
    if (!within(iterations, most) || !within(evaluations, most) ||
        !within(pairs, options_.history_size) || !within(oldest, options_.history_size - 1))
      failf(ErrorKind::bad_data, numbers_name, "does not hold what a step of L-BFGS left");
  }

  double dot(std::span<const T> a, std::span<const T> b) {
    return sum_each(count_, memory_.partial, [&](size_t i) {
      return static_cast<double>(a[i]) * static_cast<double>(b[i]);
    });
  }

  double evaluate() {
    ++used_;
    numbers_[evaluations] += 1;
    const double loss = evaluate_();
    if (!options_.maximize) return loss;
    assign_each(gradient_, [&](size_t i) { return -gradient_[i]; });
    return -loss;
  }

  bool is_flat() const { return largest_size<T>(gradient_) <= options_.tolerance_grad; }

  // Keeps the last move and how the gradient changed by it.
  void remember() {
    const bool full = whole(pairs) == options_.history_size;
    const int64_t at = pair_row(whole(pairs));  // when full, the oldest one's
    const Vector change = row(memory_.work, 1), move = row(memory_.work, 2);
    const Vector previous = all(memory_.previous);
    const auto far = static_cast<T>(numbers_[distance]);
    assign_each(change, [&](size_t i) { return gradient_[i] - previous[i]; });
    assign_each(move, [&](size_t i) { return direction_[i] * far; });
    const double curvature = dot(change, move);
    if (!(curvature > least_curvature)) return;
    std::ranges::copy(change, row(memory_.changes, at).begin());
    std::ranges::copy(move, row(memory_.moves, at).begin());
    factor(at) = 1 / curvature;
    numbers_[scale] = curvature / dot(change, change);
    if (full)
      numbers_[oldest] = static_cast<double>((at + 1) % options_.history_size);
    else
      numbers_[pairs] += 1;
  }

  // The two loops: minus the inverse Hessian that the pairs stand for, times the gradient.
  void find_direction() {
    assign_each(direction_, [&](size_t i) { return -gradient_[i]; });
    for (int64_t age = whole(pairs) - 1; age >= 0; --age) {
      const int64_t at = pair_row(age);
      const Vector change = row(memory_.changes, at);
      const double alpha = dot(row(memory_.moves, at), direction_) * factor(at);
      memory_.alphas[static_cast<size_t>(at)] = alpha;
      assign_each(direction_, [&](size_t i) { return direction_[i] - alpha * change[i]; });
    }
    assign_each(direction_, [&](size_t i) { return direction_[i] * numbers_[scale]; });
    for (int64_t age = 0; age < whole(pairs); ++age) {
      const int64_t at = pair_row(age);
      const Vector move = row(memory_.moves, at);
      const double by = memory_.alphas[static_cast<size_t>(at)] -
                        dot(row(memory_.changes, at), direction_) * factor(at);
      assign_each(direction_, [&](size_t i) { return direction_[i] + by * move[i]; });
    }
  }

  // The weights become `from` plus t times the direction.
  void place_weights(std::span<const T> from, double t) {
    size_t begin = 0;
    for (Tensor& weight : memory_.weights) {
      const Vector values = all(weight);
      assign_each(values, [&](size_t i) { return from[begin + i] + t * direction_[begin + i]; });
      begin += values.size();
    }
  }

  void keep_weights(Vector to) {
    size_t begin = 0;
    for (Tensor& weight : memory_.weights) {
      std::ranges::copy(all(weight), to.begin() + static_cast<std::ptrdiff_t>(begin));
      begin += static_cast<size_t>(weight.numel());
    }
  }

  // One move; false where it was the last of the step.
  bool advance(int64_t move) {
    numbers_[iterations] += 1;
    const bool first = whole(iterations) == 1;
    if (first) {
      numbers_[scale] = 1;
      numbers_[pairs] = numbers_[oldest] = 0;
    } else {
      remember();
    }
    find_direction();
    std::ranges::copy(gradient_, all(memory_.previous).begin());
    const double before = loss_, size = sum_each(count_, memory_.partial, [&](size_t i) {
                                   return std::abs(static_cast<double>(gradient_[i]));
                                 });
    numbers_[distance] = first ? std::min(1.0, 1 / size) * lr_ : lr_;
    const double slope = dot(gradient_, direction_);
    if (!(slope <= -options_.tolerance_change)) return false;
    const bool last = move == options_.max_iter;
    if (options_.strong_wolfe)
      search(slope);
    else
      go(last);
    if (last || used_ >= options_.max_eval || is_flat()) return false;
    const double change = largest_size<T>(direction_) * std::abs(numbers_[distance]);
    return change > options_.tolerance_change &&
           std::abs(loss_ - before) >= options_.tolerance_change;
  }

  // By the distance alone. What the weights are worth behind the last move, the next step says.
  void go(bool last) {
    const Vector from = row(memory_.work, 0);
    keep_weights(from);
    place_weights(from, numbers_[distance]);
    if (!last) loss_ = evaluate();
  }

  void search(double slope) {
    const Vector from = row(memory_.work, 0);
    keep_weights(from);
    const auto at = [&](double t, int where) {
      place_weights(from, t);
      const double value = evaluate();
      std::ranges::copy(gradient_, place(where).begin());
      return LinePoint{t, value, dot(gradient_, direction_), where};
    };
    const LineSearchResult found =
        strong_wolfe(std::ref(at), {0, loss_, slope, 0}, numbers_[distance],
                     {.largest = largest_size<T>(direction_),
                      .tolerance_change = options_.tolerance_change,
                      .most_rounds = options_.max_eval - used_});
    loss_ = found.point.value;
    numbers_[distance] = found.point.t;
    std::ranges::copy(place(found.point.place), gradient_.begin());
    place_weights(from, found.point.t);
  }

  const LbfgsOptions& options_;
  Memory memory_;
  double lr_;
  const std::function<double()>& evaluate_;
  int64_t count_;
  double* numbers_;
  Vector gradient_, direction_;
  double loss_ = 0;
  int64_t used_ = 0;  // evaluations of this step
};

}  // namespace

LbfgsOptions make_lbfgs(const Recipe& recipe) {
  const std::string_view moves = "evaluates one batch several times a step";
  refuse(recipe.integer("accumulate") > 1, "accumulate", moves);
  refuse(recipe.text("precision") == "f16", "precision", "has no loss scaling: bf16 goes");
  refuse(recipe.text("guard.policy") == "skip", "guard.policy", "skips no update");
  refuse(recipe.text("average.name") != "none", "average.name", "keeps no averages");
  refuse(recipe.real("mix.mixup") > 0, "mix.mixup", moves);
  refuse(recipe.real("mix.cutmix") > 0, "mix.cutmix", moves);
  const std::string_view slope = "needs the gradient of the loss as it is";
  for (const std::string_view key : {"clip", "clip_value", "noise.gradient", "penalty.l1",
                                     "penalty.l2", "optimizer.weight_decay", "sam.rho"})
    refuse(recipe.real(key) > 0, key, slope);
  const std::string_view one = "moves all weights together";
  refuse(recipe.real("optimizer.layer_decay") != 1, "optimizer.layer_decay", one);
  refuse(!recipe.tables("optimizer.groups").empty(), "optimizer.groups", one);
  refuse(recipe.integer("freeze.until") > 0, "freeze.until", one);
  refuse(recipe.integer("lookahead.every") > 0, "lookahead.every", one);
  LbfgsOptions options{.max_iter = recipe.integer("optimizer.max_iter"),
                       .max_eval = recipe.integer("optimizer.max_eval"),
                       .history_size = recipe.integer("optimizer.history_size"),
                       .tolerance_grad = recipe.real("optimizer.tolerance_grad"),
                       .tolerance_change = recipe.real("optimizer.tolerance_change"),
                       .strong_wolfe = recipe.text("optimizer.line_search_fn") == "strong_wolfe",
                       .maximize = recipe.boolean("optimizer.maximize")};
  if (options.max_eval == 0) options.max_eval = options.max_iter * 5 / 4;
  return options;
}

void declare_lbfgs(const LbfgsOptions& options, DType dtype, ParameterTable& parameters) {
  const int64_t count = parameters.count(ParameterRole::weight), history = options.history_size;
  const auto declare = [&](std::string_view name, DType type, const Shape& shape) {
    parameters.add(
        {std::string(name), {type, shape}, Initialiser::constant(0), ParameterRole::optimizer});
  };
  for (const std::string_view name : {lbfgs_gradient, previous_name, direction_name})
    declare(name, dtype, {count});
  for (const std::string_view name : {changes_name, moves_name})
    declare(name, dtype, {history, count});
  declare(factors_name, DType::f64, {history});
  declare(numbers_name, DType::f64, {static_cast<int64_t>(number_count)});
  declare(work_name, dtype, {work_rows, count});
}

Lbfgs::Lbfgs(const LbfgsOptions& options, const ParameterTable& parameters, StateStore& states)
    : options_(options),
      gradient_(states.get(lbfgs_gradient)),
      previous_(states.get(previous_name)),
      direction_(states.get(direction_name)),
      changes_(states.get(changes_name)),
      moves_(states.get(moves_name)),
      factors_(states.get(factors_name)),
      numbers_(states.get(numbers_name)),
      work_(states.get(work_name)),
      alphas_(static_cast<size_t>(options.history_size)),
      partial_sums_(vector_pieces(gradient_.numel())) {
  GRADUS_CHECK(&states.device() == &cpu_device(),
               "[optimizer.name] lbfgs moves weights on the cpu alone");
  for (const Parameter& parameter : parameters.all())
    if (parameter.role == ParameterRole::weight) weights_.push_back(states.get(parameter.name));
}

double Lbfgs::step(double lr, const std::function<double()>& evaluate) {
  return dispatch_float(gradient_.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    Step<T> step(options_,
                 {weights_, gradient_, previous_, direction_, changes_, moves_, factors_, numbers_,
                  work_, alphas_, partial_sums_},
                 lr, evaluate);
    const double loss = step.run();
    return options_.maximize ? -loss : loss;
  });
}

}  // namespace gradus
