# SPDX-License-Identifier: Apache-2.0
"""One PyTorch process that trains one model. It reads `run SECONDS` lines and answers each with one
JSON line; the first steps' losses and compilation happen before it says `ready`."""

import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from peer_models import MODELS, make_optimizer

KEPT_LOSSES = 5


def load_start(model, path):
    tensors = load_file(path)
    weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    wrong = unexpected + [name for name in missing if not name.endswith("num_batches_tracked")]
    if wrong:
        sys.exit(f"peer_worker: the models differ in {wrong}")
    return tensors["input"], tensors["target"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    parser.add_argument("--start", required=True, help="of `gradus bench train --export-start`")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    model = MODELS[arguments.model]()
    inputs, targets = load_start(model, arguments.start)
    optimizer = make_optimizer(arguments.model, model)
    forward = torch.compile(model) if arguments.compile else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = forward(inputs)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [step() for _ in range(KEPT_LOSSES)]
    print(json.dumps({"ready": True, "first_losses": losses, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        seconds, times = float(line.split()[1]), []
        begin = time.perf_counter()
        while not times or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        answer = {
            "steps_s_median": 1 / statistics.median(times),
            "steps_s_best": 1 / min(times),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
