// SPDX-License-Identifier: Apache-2.0
#include "training/model_factory.h"

#include "data/node_graph.h"
#include "engine/base/error.h"
#include "models/autoencoder.h"
#include "models/cnn.h"
#include "models/gcn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "models/mlp.h"
#include "models/resnet.h"
#include "ops/ops.h"

namespace gradus {
namespace {

template <class Sizes>
Model model_of(Sizes sizes) {
  return [sizes](Place& place, Value input) { return sizes.build(place, input); };
}

Model make_mlp(const Recipe& recipe, int64_t classes, const Initialiser& init) {
  Mlp mlp{.hidden = recipe.integers("model.hidden"),
          .classes = classes,
          .activation = recipe.text("model.activation"),
          .norm = recipe.text("model.norm"),
          .dropout = recipe.real("model.dropout"),
          .classic = recipe.text("model.dropout_form") == "classic",
          .init = init,
          .bias = recipe.real("model.bias")};
  // What has a size of its own is meant for all layers.
  const std::string& name = recipe.text("model.init");
  if (name == "normal" || name == "uniform" || name == "constant") mlp.last_init = init;
  return model_of(mlp);
}

Model make_image_model(const Recipe& recipe, int64_t classes) {
  const std::string& name = recipe.text("model.name");
  if (name == "resnet")
    return model_of(Resnet{.depth = recipe.integer("model.depth"),
                           .classes = classes,
                           .small_stem = recipe.boolean("model.small_stem")});
  const Initialiser init =
      Initialiser::named(recipe.text("model.init"), recipe.real("model.init_scale"));
  if (name == "mlp") return make_mlp(recipe, classes, init);
  if (name == "autoencoder")
    return model_of(Autoencoder{.hidden = recipe.integers("model.hidden"),
                                .code = recipe.integer("model.code"),
                                .activation = recipe.text("model.activation"),
                                .init = init});
  return model_of(Cnn{.channels = recipe.integers("model.channels"),
                      .hidden = recipe.integers("model.hidden"),
                      .classes = classes,
                      .activation = recipe.text("model.activation"),
                      .dropout = recipe.real("model.dropout"),
                      .init = init});
}

Model make_text_model(const Recipe& recipe, int64_t vocabulary, int64_t length) {
  const double dropout = recipe.real("model.dropout");
  if (recipe.text("model.name") == "lstm")
    return model_of(LstmLm{.vocabulary = vocabulary,
                           .width = recipe.integer("model.width"),
                           .hidden = recipe.integer("model.cells"),
                           .layers = recipe.integer("model.layers"),
                           .dropout = dropout});
  const std::string& name = recipe.text("model.name");
  Gpt gpt = name == "gpt" ? Gpt{.layers = recipe.integer("model.layers"),
                                .heads = recipe.integer("model.heads"),
                                .width = recipe.integer("model.width")}
                          : Gpt::named(name);
  gpt.vocabulary = vocabulary;
  gpt.context = length;
  gpt.dropout = dropout;
  if (name == "gpt" && recipe.text("model.positions") == "sinusoidal")
    gpt.positions = Gpt::Positions::sinusoidal;
  if (name == "gpt" && recipe.text("model.positions") == "none")
    gpt.positions = Gpt::Positions::none;
  return model_of(gpt);
}

// The model on samples of data/packed_dataset.h: (batch, 2, seq), tokens and their positions.
Model on_documents(const Model& model) {
  return [model](Place& place, Value input) {
    const auto row = [&](int64_t i) {
      const Value one = apply1("slice", {input}, {{"dim", 1}, {"start", i}, {"end", i + 1}});
      return reshape(one, {input.shape()[0], input.shape()[2]});
    };
    place.positions = row(1);
    return model(place, row(0));
  };
}

bool takes_tokens(const std::string& model) { return model == "lstm" || model.starts_with("gpt"); }

Tensor whole_numbers(const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(DType::i64, {static_cast<int64_t>(values.size())}, values);
}

// On the nodes that `graph` joins.
Model make_graph_model(const Recipe& recipe, const NodeGraph& graph, int64_t classes) {
  GRADUS_CHECK(recipe.text("model.name") == "gcn",
               "[model.name] '{}' takes samples by themselves, the data are a graph: gcn takes it",
               recipe.text("model.name"));
  const SparseRows rows = symmetric_normalised(graph.adjacency);
  return model_of(
      Gcn{.matrix = {whole_numbers(rows.crow), whole_numbers(rows.col),
                     Tensor::from<double>(DType::f64, {static_cast<int64_t>(rows.values.size())},
                                          rows.values)},
          .hidden = recipe.integers("model.hidden"),
          .classes = classes,
          .activation = recipe.text("model.activation"),
          .dropout = recipe.real("model.dropout"),
          .init = Initialiser::named(recipe.text("model.init"), recipe.real("model.init_scale"))});
}

void check_kind(const Recipe& recipe, bool tokens) {
  const std::string& name = recipe.text("model.name");
  GRADUS_CHECK(name != "gcn", "[model.name] gcn takes a graph: data.format=graph");
  GRADUS_CHECK(takes_tokens(name) == tokens, "[model.name] '{}' takes {}, the data are {}", name,
               tokens ? "images" : "text", tokens ? "text" : "images");
}

// (batch, 1) -> (batch, 2), the first of which is 0: softmax of the two is the sigmoid of the one.
Model beside_zero(const Model& model) {
  return [model](Place& place, Value input) {
    const Value logit = model(place, input);
    return apply1("cat", {place.graph.full(logit.shape(), 0, logit.dtype()), logit}, {{"dim", 1}});
  };
}

// What the last layer gives: a logit per class, or the numbers themselves.
int64_t outputs_of(const Dataset& data) {
  return data.classes() > 0 ? data.classes() : data.target_shape().numel();
}

}  // namespace

bool is_binary(const Recipe& recipe) {
  return recipe.has("data.task") && recipe.text("data.task") == "binary";
}

Model make_language_model(const Recipe& recipe, int64_t vocabulary, int64_t length) {
  check_kind(recipe, true);
  return make_text_model(recipe, vocabulary, length);
}

Model make_model(const Recipe& recipe, const Shape& sample, int64_t outputs) {
  check_kind(recipe, false);
  const std::string& name = recipe.text("model.name");
  const bool takes_all = name == "mlp" || name == "autoencoder";
  GRADUS_CHECK(takes_all || sample.rank() == 3,
               "[model.name] '{}' takes images (channels, height, width), the data are {}", name,
               to_string(sample));
  GRADUS_CHECK(name != "autoencoder" || outputs == sample.numel(),
               "[model.name] autoencoder gives back what it takes, {} numbers, the targets are {}: "
               "data.task=reconstruction",
               sample.numel(), outputs);
  GRADUS_CHECK(!is_binary(recipe) || outputs == 2,
               "[data.task] binary expects 2 classes, the data have {}", outputs);
  return is_binary(recipe) ? beside_zero(make_image_model(recipe, 1))
                           : make_image_model(recipe, outputs);
}

Model make_model(const Recipe& recipe, const Dataset& data) {
  if (data.graph() != nullptr) return make_graph_model(recipe, *data.graph(), data.classes());
  if (!data.input_is_index()) {
    GRADUS_CHECK(data.classes() == 0 || recipe.text("model.name") != "autoencoder",
                 "[model.name] autoencoder gives back what it takes, the targets are classes: "
                 "data.task=reconstruction");
    return make_model(recipe, data.sample_shape(), outputs_of(data));
  }
  check_kind(recipe, true);
  const Shape sample = data.sample_shape();
  const Model model = make_text_model(recipe, data.classes(), sample[sample.rank() - 1]);
  return sample.rank() == 1 ? model : on_documents(model);
}

}  // namespace gradus
