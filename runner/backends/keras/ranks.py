"""The processes of one training, one for each device, joined by TensorFlow's multi-worker strategy."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import tensorflow as tf

from runner.place import Place
from runner.results import Decision

# Any number, the same in all processes: TensorFlow tells groups of them apart by it.
_GROUP = 1


class Ranks:
    """All processes as one of them sees them: its share of every batch, and sums over all, in the graph.

    Args:
        place: which of them this one is; where there are several, they meet here, before TensorFlow's first work.
        batch_size: the most rows of a batch.
    """

    def __init__(self, place: Place, batch_size: int) -> None:
        self.place = place
        self._largest = place.share(batch_size).width
        self.first: Any = 0
        self.own: Any = 0
        self.rows: Any = 0
        self._width: Any = 0
        self._sums = 0
        if self.are_several:
            task = {"type": "worker", "index": place.rank}
            os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": place.addresses}, "task": task})
            # Kept, for it is what connects the processes.
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            # What takes it is carried out in one order in all processes.
            self._token = tf.Variable(0.0, trainable=False)
            # Once for all epochs: a graph for each of them would stay.
            self._agreement = tf.function(self._summed, jit_compile=False)

    @property
    def are_several(self) -> bool:
        """Whether there is more than this one."""
        return self.place.size > 1

    def begin(self, rows: Any) -> None:
        """Takes the number of rows of the batch that comes."""
        self.rows = rows
        self._width = -(-rows // self.place.size)
        self.first = self.place.rank * self._width
        self.own = tf.clip_by_value(rows - self.first, 0, self._width)

    def deal(self, batch: Any) -> Any:
        """Returns which rows of a batch this process goes through, of anything that has one for each of its rows."""
        if not self.are_several:
            return batch
        places = tf.minimum(self.first + tf.range(self._width), self.rows - 1)
        return tf.gather(batch, places)

    def whole(self, outputs: Any) -> Any:
        """Returns the outputs of the whole batch, of which only this process' own have a gradient here."""
        if not self.are_several:
            return outputs
        # TensorFlow wants one shape in all steps; a smaller batch has smaller shares.
        filled = tf.pad(tf.stop_gradient(outputs), [[0, self._largest - self._width], [0, 0]])
        gathered = tf.raw_ops.CollectiveGatherV2(input=filled, **self._group())
        units = outputs.shape[-1]
        shares = tf.reshape(gathered, [self.place.size, self._largest, units])[:, : self._width]
        before, after = shares[: self.place.rank], shares[self.place.rank + 1 :]
        parts = [tf.reshape(before, [-1, units]), outputs, tf.reshape(after, [-1, units])]
        return tf.concat(parts, axis=0)[: self.rows]

    def sum(self, tensor: Any) -> Any:
        """Returns the sum over all processes; its gradient is the sum of theirs."""
        return tf.custom_gradient(lambda own: (self._summed(own), self._summed))(tensor)

    def sum_all(self, gradients: list[Any], shapes: list[tuple[int, ...]]) -> list[Any]:
        """Returns the sums over all processes of gradients of one type and of these shapes, by one message."""
        if not self.are_several:
            return gradients
        flat = tf.concat([tf.reshape(tf.convert_to_tensor(each), [-1]) for each in gradients], axis=0)
        parts = tf.split(self._summed(flat), [math.prod(shape) for shape in shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def agreed(self, decision: Decision) -> Decision:
        """Returns the decision of the first process, to which those of the others add nothing."""
        if not self.are_several:
            return decision
        told = tf.constant([decision.stop, decision.learning_rate_factor], tf.float64)
        stop, factor = self._agreement(told).numpy().tolist()
        return Decision(stop=stop > 0, learning_rate_factor=factor)

    def _summed(self, tensor: Any) -> Any:
        return tf.raw_ops.CollectiveReduceV2(input=tensor, merge_op="Add", final_op="Id", **self._group())

    def _group(self) -> dict[str, Any]:
        """Returns what a sum or a gathering is known by: all processes build the same ones in the same order."""
        self._sums += 1
        return {
            "group_size": self.place.size,
            "group_key": _GROUP,
            "instance_key": self._sums,
            "ordering_token": [self._token.handle],
            "communication_hint": "nccl" if tf.config.get_visible_devices("GPU") else "ring",
        }
