# SPDX-License-Identifier: Apache-2.0
"""Cases of the update rules that are made of other ops, and of the one by rows."""

import torch

from inner_cases import adam_inputs, composite_steps
from own_cases import builder, scalar, values
from torch_cases import Case


def two_squares(dtype, lr):
    return [values(dtype, 7), values(dtype, 7), values(dtype, 7, low=0.0), values(dtype, 7, low=0.0), lr]


composite_steps("adadelta_step", lambda p, lr, a: torch.optim.Adadelta(p, lr=lr, **a),
                ["square_avg", "acc_delta"], [{}, {"rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}], [2, 3],
                two_squares)
composite_steps("adamax_step", lambda p, lr, a: torch.optim.Adamax(p, lr=lr, **a), ["exp_avg", "exp_inf"],
                [{}, {"weight_decay": 0.1, "eps": 1e-3}], [2, 3], adam_inputs)
composite_steps("radam_step", lambda p, lr, a: torch.optim.RAdam(p, lr=lr, **a), ["exp_avg", "exp_avg_sq"],
                [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True}], [2, 3], adam_inputs)


# SparseAdam adds eps before the second correction of bias and ours, as Adam, behind it: with the
# default that is no difference here.
@builder("sparse_adam_step")
def sparse_adam_cases(dtype):
    if dtype not in (torch.float64, torch.float32):
        return
    for attrs, kind in (({}, torch.int64), ({"beta1": 0.7, "beta2": 0.9, "maximize": True}, torch.int32)):
        def reference(t, attrs=attrs):
            parameter = torch.nn.Parameter(t[0].detach().clone())
            betas = (attrs.get("beta1", 0.9), attrs.get("beta2", 0.999))
            optimizer = torch.optim.SparseAdam([parameter], lr=scalar(0.05, torch.float32).item(), betas=betas,
                                               maximize=attrs.get("maximize", False))
            rows = t[1].reshape(-1, t[1].shape[-1])
            parameter.grad = torch.sparse_coo_tensor(t[8].reshape(1, -1).long(), rows, parameter.shape)
            moments = {"exp_avg": t[2].clone(), "exp_avg_sq": t[3].clone()}
            optimizer.state[parameter] = {"step": 2, **moments}
            optimizer.step()
            after = optimizer.state[parameter]
            return [parameter.detach(), after["exp_avg"], after["exp_avg_sq"]]

        yield Case("sparse_adam_step", attrs,
                   [values(dtype, 6, 3), values(dtype, 2, 2, 3), values(dtype, 6, 3), values(dtype, 6, 3, low=0.0),
                    scalar(0.05, torch.float32), scalar(3, torch.int64), None, None,
                    torch.tensor([[4, 1], [4, 0]], dtype=kind)], reference)
