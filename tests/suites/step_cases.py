# SPDX-License-Identifier: Apache-2.0
"""Cases of the update rules that are made of other ops."""

import torch

from inner_cases import adam_inputs, composite_steps
from own_cases import values


def two_squares(dtype, lr):
    return [values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0), values(dtype, 7, low=0.0), lr]


composite_steps("adadelta_step", lambda p, lr, a: torch.optim.Adadelta(p, lr=lr, **a),
                ["square_avg", "acc_delta"], [{}, {"rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}], [2, 3],
                two_squares)
composite_steps("adamax_step", lambda p, lr, a: torch.optim.Adamax(p, lr=lr, **a), ["exp_avg", "exp_inf"],
                [{}, {"weight_decay": 0.1, "eps": 1e-3}], [2, 3], adam_inputs)
composite_steps("radam_step", lambda p, lr, a: torch.optim.RAdam(p, lr=lr, **a), ["exp_avg", "exp_avg_sq"],
                [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True}], [2, 3], adam_inputs)
