// SPDX-License-Identifier: Apache-2.0
// All that our kernels see of oneDNN, for its versions 2 and 3. A primitive is described for one
// thread and run inside of our own parallel_for on a part of the work that the shape alone fixes:
// so threads are counted in one place, and results have the same bits for any number of them
// (oneDNN's own splits depend on it). Scratchpads come out of a kernel's workspace; the call itself
// allocates a little (its table of arguments), which is why our own vector kernels go first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "engine/base/serial_openmp.h"

namespace gradus::kernels::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;
inline constexpr auto f32 = dnnl::memory::data_type::f32;

// The CPU. oneDNN keeps to instruction_set() where that was lowered.
const dnnl::engine& engine();
// With the scratchpad given by the caller.
dnnl::primitive_attr attributes();

// A primitive and the memory of its arguments, by DNNL_ARG_*.
struct Plan {
  dnnl::primitive primitive;
  std::vector<std::pair<int, Desc>> arguments;
  int64_t scratchpad_bytes = 0;  // a multiple of 64

  const Desc& desc(int argument) const;
  int64_t bytes(int argument) const;  // a multiple of 64
};
using PlanPointer = std::shared_ptr<const Plan>;  // null: nothing to be had

inline constexpr std::initializer_list<int> norm_backward_arguments = {
    DNNL_ARG_SRC,        DNNL_ARG_DIFF_DST,   DNNL_ARG_DIFF_SRC, DNNL_ARG_SCALE,   DNNL_ARG_SHIFT,
    DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT, DNNL_ARG_MEAN,     DNNL_ARG_VARIANCE};

// What a plan is remembered by: the kind of primitive, then every size and attribute.
using Key = std::vector<int64_t>;
enum Kind : int64_t {
  matmul_kind,
  convolution_kind,
  convolution_backward_input_kind,
  convolution_backward_weight_kind,
  layer_norm_kind,
  layer_norm_backward_kind,
  batch_norm_kind,
  batch_norm_backward_kind,
  pool_kind,
  pool_backward_kind,
  reorder_kind
};

// False for oneDNN's plain loops, which are no better than our reference.
bool is_tuned(const char* implementation);

// The plan of a described primitive; null if it is not tuned.
template <class Described>
PlanPointer plan_of(const Described& described, std::initializer_list<int> arguments) {
  if (!is_tuned(described.impl_info_str())) return nullptr;
  auto plan = std::make_shared<Plan>();
  plan->primitive = dnnl::primitive(described.get());
  for (const int argument : arguments)
    plan->arguments.emplace_back(argument, described.query_md(dnnl::query::exec_arg_md, argument));
  plan->arguments.emplace_back(DNNL_ARG_SCRATCHPAD, described.scratchpad_desc());
  plan->scratchpad_bytes = plan->bytes(DNNL_ARG_SCRATCHPAD);
  return plan;
}

bool find_plan(const Key& key, PlanPointer& plan);
void remember_plan(const Key& key, const PlanPointer& plan);

// The remembered plan of `key`, else what make() returns: null also where oneDNN refuses.
template <class Make>
PlanPointer plan_for(const Key& key, const Make& make) {
  PlanPointer plan;
  if (find_plan(key, plan)) return plan;
  const SerialOpenMp serial;
  try {
    plan = make();
  } catch (const dnnl::error&) {
    plan = nullptr;
  }
  remember_plan(key, plan);
  return plan;
}

struct Argument {
  int name;
  const void* data;  // null: left out
};
// Runs in this thread with denormals flushed. Throws Error(internal) where oneDNN fails.
void execute(const Plan& plan, std::initializer_list<Argument> arguments, void* scratchpad);

// From one layout to another.
PlanPointer reorder_plan(const Desc& from, const Desc& to, Key key);

// Version 3 has no op descriptors, names the output of a norm and the dilation of a pooling, and
// no longer asks a batch norm's backward pass for the shift, on which nothing depends (a layer
// norm's it still does).
#if DNNL_VERSION_MAJOR >= 3
inline constexpr bool batch_norm_backward_takes_shift = false;
template <class Primitive, class... Parts>
auto describe(const Parts&... parts) {
  return typename Primitive::primitive_desc(engine(), parts..., attributes());
}
template <class Primitive, class Hint, class... Parts>
auto describe_backward(const Hint& hint, const Parts&... parts) {
  return typename Primitive::primitive_desc(engine(), parts..., hint, attributes());
}
template <class Primitive>
auto describe_norm(dnnl::prop_kind prop, const Desc& x, float eps,
                   dnnl::normalization_flags flags) {
  return describe<Primitive>(prop, x, x, eps, flags);
}
template <class Primitive, class Hint>
auto describe_norm_backward(const Hint& hint, const Desc& x, float eps,
                            dnnl::normalization_flags flags) {
  return describe_backward<Primitive>(hint, dnnl::prop_kind::backward, x, x, x, eps, flags);
}
using PoolForward = dnnl::pooling_forward;
using PoolBackward = dnnl::pooling_backward;
#else
inline constexpr bool batch_norm_backward_takes_shift = true;
template <class Primitive, class... Parts>
auto describe(const Parts&... parts) {
  return typename Primitive::primitive_desc(typename Primitive::desc(parts...), attributes(),
                                            engine());
}
template <class Primitive, class Hint, class... Parts>
auto describe_backward(const Hint& hint, const Parts&... parts) {
  return typename Primitive::primitive_desc(typename Primitive::desc(parts...), attributes(),
                                            engine(), hint);
}
template <class Primitive>
auto describe_norm(dnnl::prop_kind prop, const Desc& x, float eps,
                   dnnl::normalization_flags flags) {
  return describe<Primitive>(prop, x, eps, flags);
}
template <class Primitive, class Hint>
auto describe_norm_backward(const Hint& hint, const Desc& x, float eps,
                            dnnl::normalization_flags flags) {
  return describe_backward<Primitive>(hint, dnnl::prop_kind::backward, x, x, eps, flags);
}
using PoolForward = dnnl::pooling_v2_forward;
using PoolBackward = dnnl::pooling_v2_backward;
#endif

// `count` items in at most `most` chunks of one size; the last may be shorter.
struct Chunks {
  int64_t count, size;

  Chunks(int64_t items, int64_t most, int64_t multiple = 1)
      : count(items), size((items + most - 1) / most) {
    size = std::max<int64_t>((size + multiple - 1) / multiple * multiple, 1);
  }
  int64_t chunks() const { return (count + size - 1) / size; }
  int64_t begin(int64_t chunk) const { return chunk * size; }
  int64_t length(int64_t chunk) const { return std::min(size, count - begin(chunk)); }
};

// The plans of a full chunk and of the last.
struct ChunkPlans {
  PlanPointer full, last;

  template <class Make>
  ChunkPlans(const Chunks& chunks, const Make& make)
      : full(make(chunks.length(0))), last(make(chunks.length(chunks.chunks() - 1))) {}
  explicit operator bool() const { return full && last; }
  const Plan& of(const Chunks& chunks, int64_t chunk) const {
    return chunks.length(chunk) == chunks.size ? *full : *last;
  }
  int64_t scratchpad_bytes() const {
    return std::max(full->scratchpad_bytes, last->scratchpad_bytes);
  }
};

}  // namespace gradus::kernels::onednn
