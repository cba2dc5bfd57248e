// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/onednn/adapter.h"

#include <map>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"

namespace gradus::kernels::onednn {
namespace {

// A processor that we use less of is to be less for oneDNN too. Has to come before the first
// primitive; a build of oneDNN that cannot do it says so, and nothing is lost.
void lower_instruction_set() {
  const InstructionSet set = instruction_set();
  if (set == widest_instruction_set()) return;
  (void)dnnl::set_max_cpu_isa(set == InstructionSet::base ? dnnl::cpu_isa::sse41
                                                          : dnnl::cpu_isa::avx2);
}

// Shapes that come and go must not fill the memory: when so many are held, all are let go.
constexpr size_t most_plans = 4096;

struct Plans {
  std::mutex mutex;
  std::map<Key, PlanPointer> map;
};

Plans& plans() {
  static Plans* all = new Plans;  // never destroyed: kernels may run during static destruction
  return *all;
}

dnnl::stream& thread_stream() {
  thread_local dnnl::stream stream(engine());
  return stream;
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine* one =
      (lower_instruction_set(), new dnnl::engine(dnnl::engine::kind::cpu, 0));
  return *one;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

const Desc& Plan::desc(int argument) const {
  const auto found = std::ranges::find(arguments, argument, &std::pair<int, Desc>::first);
  GRADUS_ASSERT(found != arguments.end(), "argument {} is not of this oneDNN primitive", argument);
  return found->second;
}

int64_t Plan::bytes(int argument) const {
  return (static_cast<int64_t>(desc(argument).get_size()) + 63) / 64 * 64;
}

bool is_tuned(const char* implementation) {
  const std::string_view name = implementation;
  // simple_nchw: pooling in plain loops. The norm called simple_layer_normalization is vectorised.
  return !name.starts_with("ref") && !name.starts_with("simple_nchw");
}

bool find_plan(const Key& key, PlanPointer& plan) {
  const std::lock_guard lock(plans().mutex);
  const auto found = plans().map.find(key);
  if (found == plans().map.end()) return false;
  plan = found->second;
  return true;
}

void remember_plan(const Key& key, const PlanPointer& plan) {
  const std::lock_guard lock(plans().mutex);
  if (plans().map.size() >= most_plans) plans().map.clear();
  plans().map[key] = plan;
}

void execute(const Plan& plan, std::initializer_list<Argument> arguments, void* scratchpad) {
  const SerialOpenMp serial;
  const FlushDenormals flush;
  try {
    std::unordered_map<int, dnnl::memory> memories;
    for (const Argument& argument : arguments)
      if (argument.data)
        memories.emplace(argument.name, dnnl::memory(plan.desc(argument.name), engine(),
                                                     const_cast<void*>(argument.data)));
    if (plan.scratchpad_bytes > 0)
      memories.emplace(DNNL_ARG_SCRATCHPAD,
                       dnnl::memory(plan.desc(DNNL_ARG_SCRATCHPAD), engine(), scratchpad));
    plan.primitive.execute(thread_stream(), memories);
  } catch (const dnnl::error& error) {
    failf(ErrorKind::internal, "onednn", "a primitive failed: {}", error.what());
  }
}

PlanPointer reorder_plan(const Desc& from, const Desc& to, Key key) {
  key.insert(key.begin(), reorder_kind);
  return plan_for(key, [&] {
    const dnnl::reorder::primitive_desc described(engine(), from, engine(), to, attributes());
    auto plan = std::make_shared<Plan>();
    plan->primitive = dnnl::primitive(described.get());
    plan->arguments = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    plan->arguments.emplace_back(DNNL_ARG_SCRATCHPAD, described.scratchpad_desc());
    plan->scratchpad_bytes = plan->bytes(DNNL_ARG_SCRATCHPAD);
    return PlanPointer(plan);
  });
}

}  // namespace gradus::kernels::onednn
