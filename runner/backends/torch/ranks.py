"""The processes of one training, one for each device, under Lightning's DDP strategy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from runner.backends.torch.lightning import DDPStrategy, LightningEnvironment, Strategy
from runner.place import Place, Share
from runner.results import Decision

# Those that do not evaluate wait for the one that does; one that has died is noticed by who started them.
_PATIENCE = timedelta(days=7)


class Ranks:
    """All processes as one of them sees them: its share of every batch, and sums over all.

    Args:
        place: which of them this one is.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.share: Share = place.share(0)

    @property
    def are_several(self) -> bool:
        """Whether there is more than this one."""
        return self.place.size > 1

    def begin(self, rows: int) -> None:
        """Takes the number of rows of the batch that comes."""
        self.share = self.place.share(rows)

    def deal(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Returns which rows this process goes through, of the row numbers of each of several batches."""
        if not self.are_several:
            return list(batches)
        return [rows[self._places(len(rows))] for rows in batches]

    def whole(self, outputs: Tensor) -> Tensor:
        """Returns the outputs of the whole batch, of which only this process' own have a gradient here."""
        if not self.are_several:
            return outputs
        parts = [torch.empty_like(outputs) for _ in range(self.place.size)]
        distributed.all_gather(parts, outputs.detach().contiguous())
        parts[self.place.rank] = outputs
        return torch.cat(parts)[: self.share.rows]

    def sum(self, tensor: Tensor) -> Tensor:
        """Returns the sum over all processes; its gradient is the sum of theirs."""
        summed: Tensor = _Sum.apply(tensor)
        return summed

    def agreed(self, decision: Decision) -> Decision:
        """Returns the decision of the first process, to which those of the others add nothing."""
        if not self.are_several:
            return decision
        told = torch.tensor([decision.stop, decision.learning_rate_factor], dtype=torch.float64)
        stop, factor = self.sum(told.to(self._device)).tolist()
        return Decision(stop=stop > 0, learning_rate_factor=factor)

    def trainer_arguments(self) -> dict[str, Any]:
        """Returns what Lightning's Trainer is told of the devices."""
        if not self.are_several:
            return {"devices": 1}
        place = self.place
        host, _, port = place.addresses[0].rpartition(":")
        # Where they stand, Lightning starts no process itself.
        os.environ |= {
            "MASTER_ADDR": host,
            "MASTER_PORT": port,
            "NODE_RANK": str(place.rank // place.devices),
            "LOCAL_RANK": str(place.local_rank),
        }
        strategy: Strategy = DDPStrategy(cluster_environment=LightningEnvironment(), timeout=_PATIENCE)
        nodes = place.size // place.devices
        return {"devices": place.devices, "num_nodes": nodes, "strategy": strategy}

    @property
    def _device(self) -> torch.device:
        is_gpu = distributed.get_backend() == "nccl"
        return torch.device("cuda", self.place.local_rank) if is_gpu else torch.device("cpu")

    def _places(self, rows: int) -> Tensor:
        share = self.place.share(rows)
        return torch.arange(share.first, share.first + share.width).clamp(max=rows - 1)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        return _summed(tensor)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(tensor: Tensor) -> Tensor:
    summed = tensor.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(summed)
    return summed
