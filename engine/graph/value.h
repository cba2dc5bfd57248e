// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string_view>
#include <vector>

#include "engine/op/op.h"

namespace gradus {

class Graph;

// Names one output of one node. Cheap to copy; valid as long as its graph. A default Value is null:
// an absent optional input, or "no gradient".
class Value {
 public:
  Value() = default;
  Value(Graph& graph, int node, int output) : graph_(&graph), node_(node), output_(output) {}

  explicit operator bool() const { return graph_ != nullptr; }
  Graph& graph() const { return *graph_; }
  int node() const { return node_; }
  int output() const { return output_; }

  const TensorSpec& spec() const;
  DType dtype() const { return spec().dtype; }
  const Shape& shape() const { return spec().shape; }
  int rank() const { return spec().shape.rank(); }

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Graph* graph_ = nullptr;
  int node_ = -1;
  int output_ = -1;
};

// Adds a node for `op` to the graph its inputs belong to, and returns its outputs. Null values
// stand for absent optional inputs; trailing ones may be left out. Throws `[op] what, expected,
// got`.
std::vector<Value> apply(std::string_view op, const std::vector<Value>& inputs,
                         const AttrList& attrs = {});
// The same for an op with one output, or for the first output of several.
Value apply1(std::string_view op, const std::vector<Value>& inputs, const AttrList& attrs = {});

}  // namespace gradus
