// SPDX-License-Identifier: Apache-2.0
#include "kernels/sparse_adam_step.h"

#include "engine/base/error.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/optimizer_step.h"
#include "ops/support.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"exp_avg"}, {"exp_avg_sq"}}, {}, true};
  return *layout;
}

size_t indices_in() { return layout().skip() + 1; }

std::vector<InputSpec> inputs() {
  std::vector<InputSpec> inputs = step_inputs(layout());
  inputs.push_back({"indices", InputKind::required, false});
  return inputs;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps"};
  check_not_negative(args, not_negative);
  check_fraction(args, "beta1");
  check_fraction(args, "beta2");
  check_index_dtype(args, indices_in(), "indices");
  const TensorSpec& weight = args.in[0];
  GRADUS_CHECK(weight.shape.rank() == 2,
               "[sparse_adam_step] input 0 ('weight'), expected a matrix (rows, width), got {}",
               to_string(weight));
  Shape looked_up = args.in[indices_in()].shape;
  looked_up.push_back(weight.shape[1]);
  GRADUS_CHECK(args.in[1].shape == looked_up,
               "[sparse_adam_step] input 1 ('grad') shape, expected {}, got {}",
               to_string(looked_up), to_string(args.in[1].shape));
  // What the rules share is checked as if the gradient were the whole table's.
  std::vector<TensorSpec> dense(args.in.begin(), args.in.end());
  dense[1].shape = weight.shape;
  return infer_step({args.op, dense, args.attrs}, layout());
}

void run(const RunArgs& args) {
  const Attrs& attrs = args.attrs;
  const TensorRef& weight = args.in[0];
  kernels::sparse_adam_step_cpu(
      {weight.dtype, weight.shape[0], weight.shape[1], args.in[indices_in()].numel(), weight.data,
       args.in[1].data, index_array(args.in[indices_in()]), args.in[2].data, args.in[3].data,
       args.out[0].data, args.out[1].data, args.out[2].data, step_control(args, layout()),
       attrs.real("beta1"), attrs.real("beta2"), attrs.real("eps"), attrs.boolean("maximize"),
       args.workspace});
}

int64_t workspace(const KernelQuery& query) {
  return kernels::sparse_adam_workspace(query.in[indices_in()].numel());
}

Sample sample(const Shape& table, const Shape& indices,
              std::initializer_list<std::string_view> with, AttrList attrs = {},
              bool skipped = false, DType dtype = DType::i64) {
  Sample sample{.inputs = step_sample(layout(), table, with, skipped), .attrs = std::move(attrs)};
  sample.inputs[1].shape = indices;
  sample.inputs[1].shape.push_back(table[1]);
  sample.inputs.push_back(SampleInput::indices(indices, table[0], dtype));
  return sample;
}

std::vector<Sample> samples() {
  const AttrList all{{"beta1", 0.8}, {"beta2", 0.9}, {"eps", 1e-3}, {"maximize", true}};
  std::vector<Sample> list{sample({4, 3}, {5}, {"step"}),
                           sample({9, 5}, {2, 7}, {"step", "scale"}, all, false, DType::i32),
                           sample({6, 70}, {3}, {"step", "skip"}),
                           sample({6, 2}, {3}, {"step", "skip"}, {}, true),
                           sample({4, 3}, {}, {"step"}),
                           sample({1, 1}, {1}, {"step"}),
                           sample({4, 3}, {0, 2}, {"step"}),
                           sample({1 << 16, 64}, {8, 256}, {"step"})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef sparse_adam_step_op() {
  return {.name = "sparse_adam_step",
          .doc =
              "adam_step on the rows of a table that indices name, by the sums of their rows of "
              "grad; other rows and their moments stay, as torch.optim.SparseAdam, whose eps alone "
              "stands before the correction of bias",
          .inputs = inputs(),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta1", AttrType::real, 0.9},
                         {"beta2", AttrType::real, 0.999},
                         {"eps", AttrType::real, 1e-8},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .no_grad = "an update in place",
          .cpu = {{"reference", run, workspace}},
          .aliases = step_aliases(layout()),
          .state = step_aliases(layout()),
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            const auto rows = static_cast<double>(query.in[1].numel());
            return Cost{12.0 * rows, 7.0 * static_cast<double>(query.in[1].bytes())};
          }};
}

}  // namespace gradus
