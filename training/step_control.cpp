// SPDX-License-Identifier: Apache-2.0
#include "training/step_control.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "training/not_finite_hint.h"
#include "training/precision.h"

namespace gradus {
namespace {

UpdateGuard::Options guard_options(const Recipe& recipe) {
  if (recipe.text("guard.policy") != "skip") return {};
  return {recipe.real("guard.spike"), recipe.integer("guard.window"),
          recipe.integer("guard.limit")};
}

EarlyStopping::Options stopping_options(const Recipe& recipe) {
  return {recipe.text("stop.metric") == "accuracy", recipe.integer("stop.patience"),
          recipe.real("stop.min_delta")};
}

// A gradient that overflows at this scale would at any.
constexpr double least_scale = 0x1p-14;

}  // namespace

StepControl::StepControl(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch,
                         bool validates)
    : schedule_(make_schedule(recipe, steps, steps_per_epoch)),
      averaging_(make_averaging(recipe, steps, steps_per_epoch)),
      mixing_(make_sample_mixing(recipe)),
      guarded_(recipe.text("guard.policy") == "skip"),
      guard_(guard_options(recipe)),
      keeps_best_(recipe.integer("stop.patience") > 0),
      stopping_(stopping_options(recipe)),
      best_checkpoints_(recipe.integer("checkpoint.best"),
                        recipe.text("checkpoint.metric") == "accuracy") {
  if (precision_of(recipe).scaled()) scale_.emplace();
  GRADUS_CHECK(validates || !schedule_.follows_validation(),
               "[schedule.name] plateau needs validation data");
  GRADUS_CHECK(validates || !keeps_best_, "[stop.patience] needs validation data");
  GRADUS_CHECK(validates || recipe.integer("checkpoint.best") == 0,
               "[checkpoint.best] needs validation data");
}

void StepControl::prepare(Executable& program, const RngState& rng, Tensor& inputs,
                          const Tensor& targets) {
  if (scale_) program.set_input("loss_scale", scale_->scale());
  if (!mixing_.on()) return;
  auto partners = std::ranges::find(partners_, targets.shape(), &Tensor::shape);
  if (partners == partners_.end())
    partners = partners_.insert(partners, Tensor::zeros(targets.dtype(), targets.shape()));
  const Mixture mixture = mix_samples(mixing_, rng, inputs, targets, *partners);
  program.set_input("partner_target", *partners);
  program.set_input("own_share", mixture.share);
}

void StepControl::set_inputs(Executable& program, int64_t step) {
  program.set_input("lr", lr(step));
  program.set_input("step", static_cast<double>(step));
  if (averaging_.on()) program.set_input("average_share", averaging_.share(step));
  if (!guarded_) return;
  const UpdateGuard::Limits limits = guard_.limits();
  program.set_input("loss_limit", limits.loss);
  program.set_input("norm_limit", limits.norm);
}

void StepControl::add_loss(int64_t step, double loss) const {
  if (guarded_ || std::isfinite(loss)) return;
  failf(ErrorKind::not_finite, "train", "the loss of step {} is {}; {}", step, loss,
        not_finite_hint(step > 1));
}

void StepControl::add_step(Executable& program, int64_t step, double loss) {
  add_loss(step, loss);
  if (!guarded_ && !scale_) return;
  const double norm = program.output("grad_norm").item();
  const bool overflowed = scale_ && std::isfinite(loss) && !std::isfinite(norm);
  if (scale_) add_scaled(step, overflowed);
  // An overflow is the scale's affair, and no bad sign.
  if (guarded_ && !overflowed) guard_.add(step, loss, norm, program.output("skipped").item() != 0);
}

void StepControl::add_scaled(int64_t step, bool overflowed) {
  scale_->add(overflowed);
  if (scale_->scale() < least_scale)
    failf(ErrorKind::not_finite, "train",
          "the gradients of step {} overflow f16 however small the loss scale ({:g}); a lower lr, "
          "clip, or precision=bf16 may help",
          step, scale_->scale());
}

bool StepControl::add_validation(int64_t step, const Score& score) {
  schedule_.validated(score);
  best_checkpoints_.add(step, score);
  return keeps_best_ && stopping_.add(step, score);
}

ProgressFields StepControl::fields() const {
  ProgressFields all;
  add_fields(all, "schedule", schedule_.fields());
  if (guarded_) add_fields(all, "guard", guard_.fields());
  if (scale_) add_fields(all, "scale", scale_->fields());
  if (keeps_best_) add_fields(all, "stop", stopping_.fields());
  if (!best_checkpoints_.steps().empty())
    add_fields(all, best_checkpoints_part, best_checkpoints_.fields());
  return all;
}

void StepControl::restore(const ProgressFields& fields) {
  // A part that the run did not have before, by --allow-changes, begins anew.
  const auto restore_part = [&](std::string_view name, auto& part) {
    if (const ProgressFields own = fields_of(fields, name); !own.empty()) part.restore(own);
  };
  restore_part("schedule", schedule_);
  if (guarded_) restore_part("guard", guard_);
  if (scale_) restore_part("scale", *scale_);
  if (keeps_best_) restore_part("stop", stopping_);
  restore_part(best_checkpoints_part, best_checkpoints_);
}

}  // namespace gradus
