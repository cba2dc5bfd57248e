// SPDX-License-Identifier: Apache-2.0
// Layers are functions that add nodes to a graph and declare their parameters as its states. Each
// takes the place it stands at (a Place), its path, its input and its sizes. Paths and names follow
// PyTorch's modules, so that weights move both ways.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/graph/graph.h"
#include "models/layers/parameter_table.h"

namespace gradus {

// A model that gets a sequence token by token: what earlier tokens left is kept in caches.
struct Decoding {
  Value position;        // of the token, i64 (); 0 for the first
  int64_t capacity = 0;  // tokens that caches of attention hold
};

// Where a model is being built.
struct Place {
  Graph& graph;
  ParameterTable& parameters;
  DType dtype = DType::f32;  // of parameters and activations
  bool training = true;      // batch statistics and dropout, or running statistics and none
  const Decoding* decoding = nullptr;  // or null: whole sequences
  // Of each token in its document, i64 (batch, seq), where samples hold several; 0 begins one.
  // Absent: a sample is one document.
  Value positions = {};
  // Where not null, the next versions of buffers are put here for the caller to give them to the
  // graph, or not.
  std::vector<std::pair<Value, Value>>* held_updates = nullptr;
  // Outside of training, dropout as in it: each run is one draw of the thinned networks.
  bool thinned = false;

  bool drops() const { return training || thinned; }

  // A trained parameter named by the graph's scope and `name`. Weights of rank 2 and more decay.
  Value weight(std::string_view name, const Shape& shape, const Initialiser& init);
  // A state that the layer updates itself.
  Value buffer(std::string_view name, const Shape& shape, double value);
  void update_buffer(Value buffer, Value next);
  // A state that decoding keeps from token to token; zeros before the first.
  Value cache(std::string_view name, const Shape& shape);
};

// What a linear or convolution layer starts from, where the model does not say otherwise.
struct LinearOptions {
  bool bias = true;
  Initialiser init = Initialiser::fan_in_uniform();
  Initialiser bias_init = Initialiser::constant(0);
};

// x (..., in) -> (..., out): x weight^T + bias; weight (out, in).
Value linear_layer(Place& place, std::string_view name, Value x, int64_t out,
                   const LinearOptions& options = {});

struct ConvOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;
  bool bias = false;
  Initialiser init = Initialiser::he_normal();
};

// x (batch, in, height, width) -> (batch, out, height', width'); weight (out, in, kernel, kernel).
Value conv2d_layer(Place& place, std::string_view name, Value x, int64_t out,
                   const ConvOptions& options = {});

// Normalises each channel of x (batch, channels, ...): over the batch when training, which moves
// the running statistics by `momentum`; by these otherwise.
Value batch_norm_layer(Place& place, std::string_view name, Value x, double momentum = 0.1,
                       double eps = 1e-5, double initial_scale = 1.0);

// Normalises the last dim.
Value layer_norm_layer(Place& place, std::string_view name, Value x, double eps = 1e-5);

// indices (...) -> (..., width); weight (count, width).
Value embedding_layer(Place& place, std::string_view name, Value indices, int64_t count,
                      int64_t width, const Initialiser& init = Initialiser::normal(0, 1));

// Zeroes a share `p` of the elements and scales the others by 1 / (1 - p); x itself where the place
// does not drop, and for p = 0.
Value dropout_layer(Place& place, Value x, double p);
// The form of the first papers: dropping only zeroes, and otherwise x is scaled by 1 - p.
Value classic_dropout_layer(Place& place, Value x, double p);

// Element by element; `name` is an activation op: "relu", "gelu", "silu", "tanh", ...
Value activation_layer(Value x, std::string_view name);
// The same, or "prelu", whose slope below 0 is trained as the weight of `path` and begins as 0.25.
Value activation_layer(Place& place, std::string_view path, Value x, std::string_view name);

struct FeedForwardOptions {
  int64_t hidden = 0;  // 0: 4 times the width
  std::string_view activation = "gelu";
  AttrList activation_attributes = {};
  LinearOptions in = {};
  LinearOptions out = {};
};

// The same two linear layers, `c_fc` and `c_proj`, with an activation between them, at every
// position of x (..., width): its result there depends on x there alone.
Value feed_forward_layer(Place& place, std::string_view name, Value x,
                         const FeedForwardOptions& options = {});

// x + part(x), which hands gradients on as they are. Where part changes the shape in its last dim
// alone, `projection` brings x there by a linear layer `shortcut` without bias; throws for shapes
// that differ otherwise, or without it.
Value residual_layer(Place& place, std::string_view name, Value x,
                     const std::function<Value(Value)>& part, bool projection = false);

// x (batch, seq, in) -> the hidden states of the last layer (batch, seq, hidden), from zero states;
// in decoding from those that the last token left.
Value lstm_layer(Place& place, std::string_view name, Value x, int64_t hidden, int64_t layers = 1);

struct AttentionOptions {
  int64_t heads = 1;
  bool causal = true;
  double dropout = 0;
  LinearOptions qkv = {};
  LinearOptions projection = {};
  // Where attention is allowed, bool (batch, 1, seq, seq), in place of `causal`; may be absent.
  Value mask = {};
};

// For samples of several documents, by Place::positions (batch, seq): each token sees itself and
// those before it in its own, bool (batch, 1, seq, seq).
Value document_mask(Value positions);

// Self-attention of x (batch, seq, width) with one projection `c_attn` to queries, keys and values
// and one back, `c_proj`. In decoding seq is 1, and keys and values of earlier tokens come from
// caches.
Value attention_layer(Place& place, std::string_view name, Value x,
                      const AttentionOptions& options);

}  // namespace gradus
