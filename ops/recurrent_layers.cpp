// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrent_layers.h"

#include <numeric>
#include <string>

#include "engine/base/error.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

struct Direction {
  Value weight_ih, weight_hh, bias_ih, bias_hh;
};

class Layers {
 public:
  Layers(std::string_view op, const char* mode, const RecurrentInputs& in, const Attrs& attrs)
      : op_(op),
        mode_(mode),
        in_(in),
        attrs_(attrs),
        layers_(attrs.integer("num_layers")),
        directions_(attrs.boolean("bidirectional") ? 2 : 1) {
    check_input();
    check_weights();
    check_lengths();
    const TensorSpec states{in.input.dtype(), {layers_ * directions_, batch_, hidden_}};
    check_states("hx", in.hx, states);
    check_states("cx", in.cx, states);
  }

  std::vector<Value> run() {
    const bool batch_first = attrs_.boolean("batch_first");
    Value x = batch_first ? transpose(in_.input, 0, 1) : in_.input;
    for (int64_t layer = 0; layer < layers_; ++layer) {
      if (layer > 0 && attrs_.boolean("train") && attrs_.real("dropout") > 0)
        x = apply1("dropout", {x}, {{"p", attrs_.real("dropout")}, {"training", true}});
      std::vector<Value> outputs;
      for (int64_t d = 0; d < directions_; ++d) outputs.push_back(direction(x, layer, d));
      x = outputs.size() == 1 ? outputs[0] : apply1("cat", outputs, {{"dim", 2}});
    }
    if (batch_first) x = transpose(x, 0, 1);
    std::vector<Value> result{x, apply1("stack", last_hidden_, {{"dim", 0}})};
    if (is_lstm()) result.push_back(apply1("stack", last_cells_, {{"dim", 0}}));
    return result;
  }

 private:
  bool is_lstm() const { return std::string_view(mode_) == "lstm"; }
  bool is_gru() const { return std::string_view(mode_) == "gru"; }

  void check_input() {
    const Shape& x = in_.input.shape();
    GRADUS_CHECK(x.rank() == 3, "[{}] input, expected rank 3, got {}", op_, to_string(x));
    const bool batch_first = attrs_.boolean("batch_first");
    steps_ = x[batch_first ? 1 : 0];
    batch_ = x[batch_first ? 0 : 1];
    GRADUS_CHECK(steps_ > 0, "[{}] input, expected at least one step, got {}", op_, to_string(x));
    const double p = attrs_.real("dropout");
    GRADUS_CHECK(p >= 0 && p <= 1, "[{}] attribute 'dropout', expected a probability, got {}", op_,
                 p);
  }

  void check_weights() {
    GRADUS_CHECK(layers_ > 0 && layers_ <= 4096,
                 "[{}] attribute 'num_layers', expected 1 to 4096, got {}", op_, layers_);
    const auto sets = static_cast<size_t>(layers_ * directions_), count = in_.weights.size();
    GRADUS_CHECK(
        count == 2 * sets || count == 4 * sets,
        "[{}] weights, expected 2 or (with biases) 4 for each of {} layers and directions, "
        "got {}",
        op_, sets, count);
    const Shape& weight_hh = in_.weights[1].shape();
    GRADUS_CHECK(weight_hh.rank() == 2, "[{}] weight_hh, expected rank 2, got {}", op_,
                 to_string(weight_hh));
    hidden_ = weight_hh[1];
  }

  void check_lengths() const {
    const TensorSpec expected{DType::i64, {batch_}};
    GRADUS_CHECK(!in_.lengths || in_.lengths.spec() == expected,
                 "[{}] lengths, expected {}, got {}", op_, to_string(expected),
                 to_string(in_.lengths.spec()));
  }

  void check_states(std::string_view name, Value states, const TensorSpec& expected) const {
    GRADUS_CHECK(!states || states.spec() == expected, "[{}] {}, expected {}, got {}", op_, name,
                 to_string(expected), to_string(states ? states.spec() : TensorSpec::absent()));
  }

  Direction weights_of(int64_t set) const {
    const bool biased = in_.weights.size() == static_cast<size_t>(4 * layers_ * directions_);
    const Value* w = in_.weights.data() + set * (biased ? 4 : 2);
    return biased ? Direction{w[0], w[1], w[2], w[3]} : Direction{w[0], w[1], {}, {}};
  }

  // Row `index` of dim 0, without it.
  Value row(Value values, int64_t index) const {
    const Value one = apply1("slice", {values}, {{"dim", 0}, {"start", index}, {"end", index + 1}});
    return reshape(one, {values.shape()[1], values.shape()[2]});
  }
  Value first_state(Value states, int64_t set) const {
    if (states) return row(states, set);
    return in_.input.graph().full({batch_, hidden_}, 0.0, in_.input.dtype());
  }

  // (steps, batch, 1): whether the sequence has that step.
  Value valid_steps() const {
    std::vector<int64_t> steps(static_cast<size_t>(steps_));
    std::iota(steps.begin(), steps.end(), 0);
    const Value numbers =
        in_.input.graph().constant(Tensor::from<int64_t>(DType::i64, {steps_, 1}, steps));
    return reshape(lt(numbers, reshape(in_.lengths, {1, batch_})), {steps_, batch_, 1});
  }

  Value direction(Value x, int64_t layer, int64_t d) {
    const int64_t set = layer * directions_ + d;
    const Direction w = weights_of(set);
    // gru's candidate keeps the hidden bias inside the reset gate's product.
    const Value bias = w.bias_ih && !is_gru() ? w.bias_ih + w.bias_hh : w.bias_ih;
    const Value gates = apply1("linear", {x, w.weight_ih, bias});
    const std::vector<Value> out =
        apply("recurrence",
              {gates, first_state(in_.hx, set), is_lstm() ? first_state(in_.cx, set) : Value(),
               in_.lengths, w.weight_hh, is_gru() ? w.bias_hh : Value()},
              {{"mode", mode_}, {"reverse", d == 1}});
    const int64_t last = d == 1 ? 0 : steps_ - 1;
    last_hidden_.push_back(row(out[0], last));
    if (is_lstm()) last_cells_.push_back(row(out[1], last));
    if (!in_.lengths) return out[0];
    return where(valid_steps(), out[0], in_.input.graph().scalar(0.0, out[0].dtype()));
  }

  std::string_view op_;
  const char* mode_;
  const RecurrentInputs& in_;
  const Attrs& attrs_;
  int64_t layers_, directions_, steps_ = 0, batch_ = 0, hidden_ = 0;
  std::vector<Value> last_hidden_, last_cells_;
};

}  // namespace

std::vector<AttrSpec> recurrent_attributes() {
  return {{"num_layers", AttrType::integer, 1},
          {"dropout", AttrType::real, 0.0},
          {"train", AttrType::boolean, false},
          {"bidirectional", AttrType::boolean, false},
          {"batch_first", AttrType::boolean, false}};
}

// Reduced floats go through all steps and layers in f32: states that were rounded every step would
// drift apart.
std::vector<Value> recurrent_layers(std::string_view op, const char* mode,
                                    const RecurrentInputs& in, const Attrs& attrs) {
  const DType dtype = in.input.dtype();
  if (!is_reduced_float(dtype)) return Layers(op, mode, in, attrs).run();
  const auto wide = [&](Value x) {
    GRADUS_CHECK(!x || x.dtype() == dtype, "[{}] inputs of one dtype expected, got {} and {}", op,
                 dtype_name(dtype), dtype_name(x ? x.dtype() : dtype));
    return x ? widened(x) : x;
  };
  std::vector<Value> weights;
  for (Value weight : in.weights) weights.push_back(wide(weight));
  const RecurrentInputs widened_in{wide(in.input), wide(in.hx), wide(in.cx), in.lengths, weights};
  std::vector<Value> result = Layers(op, mode, widened_in, attrs).run();
  for (Value& value : result) value = cast(value, dtype);
  return result;
}

Sample recurrent_sample(int64_t gates, bool cells, const RecurrentSampleSizes& sizes,
                        const RecurrentSampleOptions& options, const AttrList& attrs) {
  const int64_t directions = options.bidirectional ? 2 : 1, width = gates * sizes.hidden;
  const SampleInput absent = SampleInput::absent();
  const SampleInput states{.shape = {options.layers * directions, sizes.batch, sizes.hidden}};
  Sample sample;
  sample.inputs.push_back({.shape = options.batch_first
                                        ? Shape{sizes.batch, sizes.steps, sizes.inputs}
                                        : Shape{sizes.steps, sizes.batch, sizes.inputs}});
  sample.inputs.push_back(options.states ? states : absent);
  if (cells) sample.inputs.push_back(options.states ? states : absent);
  sample.inputs.push_back(options.lengths ? SampleInput::indices({sizes.batch}, sizes.steps + 1)
                                          : absent);
  for (int64_t set = 0; set < options.layers * directions; ++set) {
    const int64_t inputs = set < directions ? sizes.inputs : directions * sizes.hidden;
    sample.inputs.push_back({.shape = {width, inputs}});
    sample.inputs.push_back({.shape = {width, sizes.hidden}});
    for (int bias = 0; bias < 2 && options.bias; ++bias)
      sample.inputs.push_back({.shape = {width}});
  }
  sample.attrs = {{"num_layers", options.layers},
                  {"bidirectional", options.bidirectional},
                  {"batch_first", options.batch_first}};
  sample.attrs.insert(sample.attrs.end(), attrs.begin(), attrs.end());
  return sample;
}

std::vector<Sample> recurrent_samples(int64_t gates, bool cells) {
  std::vector<Sample> list{
      recurrent_sample(gates, cells, {3, 2, 2, 3}, {}),
      recurrent_sample(gates, cells, {2, 2, 3, 2},
                       {.layers = 2, .bidirectional = true, .states = true}),
      recurrent_sample(
          gates, cells, {3, 2, 2, 2},
          {.bidirectional = true, .batch_first = true, .bias = false, .lengths = true}),
      recurrent_sample(gates, cells, {2, 3, 2, 2}, {.layers = 2},
                       {{"dropout", 0.5}, {"train", true}}),
      recurrent_sample(gates, cells, {1, 1, 1, 1}, {}),
      recurrent_sample(gates, cells, {2, 2, 3, 2}, {.bias = false}),
      recurrent_sample(gates, cells, {2, 0, 3, 2}, {}),
      recurrent_sample(gates, cells, {64, 32, 256, 256}, {})};
  list.back().bench = true;
  return list;
}

}  // namespace gradus
