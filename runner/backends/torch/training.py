"""Training on PyTorch: a LightningModule under ``Trainer.fit``."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner import component, own_network, weighting
from runner.backend import Job, Observer, require_gpus
from runner.backends.torch import own_state
from runner.backends.torch.layers import Network
from runner.backends.torch.lightning import LightningModule, Trainer
from runner.backends.torch.losses import Loss
from runner.backends.torch.model import Batch, Stored, TorchModel
from runner.backends.torch.ranks import Ranks
from runner.backends.torch.updates import Updates
from runner.data import Ahead, OnDemand
from runner.experiment import Component, Training
from runner.place import Place
from runner.results import Evaluation, Weights

_PRECISIONS = {32: "32-true", 64: "64-true", "bf16-mixed": "bf16-mixed"}
# The step before it, the row numbers of its batches, and this process' inputs where they are read on demand.
Chunk = tuple[int, Tensor, Tensor | None]
Values = NDArray[np.float64]


def configure(*, training: Training, place: Place) -> None:
    """Sets what belongs to the process: threads."""
    if training.threads > 0:
        torch.set_num_threads(training.threads)


def build(*, job: Job) -> TorchModel:
    """Returns the network with the job's weights, on the chosen device and at the chosen precision."""
    training = job.experiment.training
    configure(training=training, place=job.place)
    dtype = torch.float64 if training.precision == 64 else torch.float32
    require_gpus(job, gpus())
    device = _device(training.accelerator, job.place)
    ranks = Ranks(job.place)
    network = Network(
        tree=job.tree,
        input_shape=job.input_shape,
        seed=job.experiment.seed,
        native=job.native,
        ranks=ranks,
    )
    network.to(dtype=dtype, device=device)
    own_network.require_arrays(job, network.weights())
    network.load(job.weights)
    built = component.build(job.experiment.loss)
    loss: Loss = weighting.with_place(built, job.experiment.loss, job.splits.train)
    late = job.splits.train.standard
    standard = (
        None
        if late is None
        else (
            torch.as_tensor(late.mean, dtype=dtype, device=device),
            torch.as_tensor(late.scale, dtype=dtype, device=device),
        )
    )
    autocast = training.precision == "bf16-mixed"
    return TorchModel(network, loss, dtype, device, autocast, standard, ranks)


def fit(*, model: TorchModel, job: Job, observer: Observer) -> None:
    """Trains the network by ``Trainer.fit``, reporting to the observer."""
    training, inputs = job.experiment.training, job.splits.train.inputs
    ahead = Ahead(inputs, training.prefetch) if isinstance(inputs, OnDemand) else None
    module = _Module(model, job, observer)
    if "dropout_masks" in job.native or model.network.is_native:
        # torch's own dropout has no generator but the global one.
        torch.manual_seed(job.experiment.seed)
    if job.start is not None and job.start.own is not None:
        own_state.load_random(job.start.own, model.device)
    with _quiet(), ahead or contextlib.nullcontext():
        trainer = Trainer(
            max_epochs=job.plan.epochs - module.first_epoch,
            accelerator=model.device.type if model.device.type != "cuda" else "gpu",
            **model.ranks.trainer_arguments(),
            precision=_PRECISIONS[training.precision],  # type: ignore[arg-type]  # One of Lightning's words.
            deterministic=training.deterministic,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        rows = job.splits.validation
        validation = _Whole(model.stored(rows)) if len(rows) else None
        trainer.fit(module, train_dataloaders=_Chunks(module, ahead), val_dataloaders=validation)
    model.network.to(model.device)


def activation(*, function: Component, inputs: NDArray[np.float64]) -> tuple[Values, Values]:
    """Returns f and f' at each of the inputs, f' by automatic differentiation, in float64."""
    points = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    values = component.build(function)(points)
    (derivatives,) = torch.autograd.grad(values.sum(), points)
    return values.detach().numpy(), derivatives.numpy()


def versions() -> dict[str, str]:
    """Returns the versions of the framework's packages by their names."""
    return {"torch": torch.__version__, "pytorch-lightning": importlib.metadata.version("pytorch-lightning")}


def gpus() -> int:
    """Returns how many GPUs the framework sees on this machine."""
    return torch.cuda.device_count()


class _Module(LightningModule):
    """One job as Lightning sees it: a batch of its loader is a chunk of several steps' row numbers."""

    def __init__(self, model: TorchModel, job: Job, observer: Observer) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = model.network
        self.plan = job.plan
        self.first_epoch = job.start.epoch if job.start else 0
        # Batches that the first epoch has behind it already.
        self.done = job.start.step - self.first_epoch * job.plan.steps_per_epoch if job.start else 0
        self.steps_per_execution = job.experiment.training.steps_per_execution
        self._model = model
        self._ranks = model.ranks
        self._updates = Updates(model.network, job)
        self._rows = model.stored(job.splits.train)
        self._observer = observer
        self._probe = job.probe
        self._validation: Evaluation | None = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self._updates.optimizer

    @property
    def epoch(self) -> int:
        """The present epoch of the whole training, numbered from 0."""
        return self.first_epoch + self.current_epoch

    def training_step(self, chunk: Chunk, index: int) -> None:
        first_step, rows, read = chunk
        if not len(rows):
            return
        batches = enumerate(self._batches(rows, read))
        losses = [self._step(first_step + offset, *batch) for offset, batch in batches]
        after = first_step + len(losses)
        self._observer.steps(
            first_step + 1, torch.stack(losses).double().cpu().numpy(), lambda: self._updates.state(after)
        )

    def own(self, rows: Tensor) -> Tensor:
        """Returns the row numbers of this process' share of each batch of a chunk."""
        shares = self._ranks.deal(rows.split(self.plan.batch_size))
        return torch.cat(shares) if self._ranks.are_several else rows

    def _batches(self, rows: Tensor, read: Tensor | None) -> Iterator[Batch]:
        size = self.plan.batch_size
        inputs, targets, weights = self._rows
        shares = self._ranks.deal(rows.split(size))
        chosen = read
        if chosen is None:
            assert isinstance(inputs, Tensor)
            chosen = inputs.index_select(0, self.own(rows))
        parts = chosen.split([len(share) for share in shares])
        none = (None,) * len(parts)
        weighed = none if weights is None else weights.index_select(0, rows).split(size)
        return zip(parts, targets.index_select(0, rows).split(size), weighed, strict=True)

    def _step(self, step: int, inputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        inputs = self._model.numbers(inputs)
        self.network.begin_step(step)
        self._ranks.begin(len(targets))
        outputs = self._ranks.whole(self._model.logits(inputs))
        loss = self._model.loss(outputs, targets, weights)
        # The bare optimizer, and not Lightning's manual_backward: its wrappers cost as much as a small network's step.
        self._updates.optimizer.zero_grad()
        self._backward(loss)
        gradients = self.network.gradients() if self._probe else {}
        self._updates.take(step)
        if self._probe:
            self._probe.step(
                inputs=inputs.cpu().numpy(),
                targets=targets.cpu().numpy(),
                sample_weights=None if weights is None else weights.cpu().numpy(),
                outputs=outputs.detach().cpu().numpy(),
                loss=loss.item(),
                gradients=gradients,
                weights=self.network.weights(),
            )
        return loss.detach()

    def _backward(self, loss: Tensor) -> None:
        if self._ranks.are_several:
            # Each has the gradient of its own rows; DDP takes the mean over the processes, where the sum is meant.
            self.manual_backward(loss * self._ranks.place.size)
        else:
            loss.backward()

    def validation_step(self, rows: Stored, index: int) -> None:
        if self._ranks.place.rank > 0:
            return
        with self._updates.shown():
            self._validation = self._model.evaluate_stored(*rows)

    def on_train_epoch_end(self) -> None:
        epoch, norms = self.epoch + 1, self._updates.gradient_norms
        step = epoch * self.plan.steps_per_epoch
        decision = self._ranks.agreed(
            self._observer.epoch(
                epoch, self._validation, self._shown_weights, norms, lambda: self._updates.state(step)
            )
        )
        self._updates.rate_factor = decision.learning_rate_factor
        self.trainer.should_stop = decision.stop

    def _shown_weights(self) -> Weights:
        with self._updates.shown():
            return self._model.weights()


class _Chunks:
    """The row numbers of the module's current epoch, several batches at a time, and the inputs that are read ahead."""

    def __init__(self, module: _Module, ahead: Ahead | None) -> None:
        self._module = module
        self._ahead = ahead

    def __len__(self) -> int:
        return -(-self._module.plan.steps_per_epoch // self._module.steps_per_execution)

    def __iter__(self) -> Iterator[Chunk]:
        plan, epoch = self._module.plan, self._module.epoch
        done = self._module.done if epoch == self._module.first_epoch else 0
        order = torch.from_numpy(plan.order(epoch))[done * plan.batch_size :]
        step = epoch * plan.steps_per_epoch + done
        chunks = order.split(self._module.steps_per_execution * plan.batch_size)
        for _ in range(len(self) - len(chunks)):
            # Every epoch has as many for Lightning, those that were done before included.
            yield step, order[:0], None
        for rows, inputs in zip(chunks, self._inputs(chunks, epoch), strict=False):
            yield step, rows, inputs
            step += self._module.steps_per_execution

    def _inputs(self, chunks: Sequence[Tensor], epoch: int) -> Iterable[Tensor | None]:
        if self._ahead is None:
            return repeat(None)
        own = (self._module.own(rows).numpy() for rows in chunks)
        return map(torch.from_numpy, self._ahead.chunks(own, epoch))


class _Whole:
    """All validation rows as one batch; the model takes them in portions."""

    def __init__(self, rows: Stored) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Stored]:
        yield self._rows


def _device(accelerator: str, place: Place) -> torch.device:
    if accelerator == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        # TensorFloat-32 would round every product to ten bits.
        torch.backends.cudnn.allow_tf32 = False
        return torch.device("cuda", place.local_rank) if place.size > 1 else torch.device("cuda")
    return torch.device("cpu")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences what Lightning tells every user of every Trainer, and nothing else."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # The rows are in memory already; workers would only copy them.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # Steps are counted in chunks, of which a small data set has few.
        warnings.filterwarnings("ignore", ".*The number of training batches.*")
        # Without validation rows there is nothing to validate on.
        warnings.filterwarnings("ignore", ".*but have no `val_dataloader`.*")
        # A person may choose the CPU on a machine that has more.
        warnings.filterwarnings("ignore", ".*GPU available but not used.*")
        # torch 2.13 renamed a class that Lightning 2.6 still asks for.
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
