"""What an experiment means: frozen records that know neither Hydra nor a framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from runner.quantities import BelowOne, Count, NotNegative, OpenUnitInterval, Positive, PositiveCount, Range

Task = Literal["multiclass", "binary", "regression"]
Precision = Literal[32, 64, "bf16-mixed"]
Semantics = Literal["canonical", "native"]
Standardise = bool | Literal["channels"]
Output = Literal["softmax", "sigmoid", "identity", "exponential"]


@dataclass(frozen=True, kw_only=True)
class Component:
    """A named function or class and its keyword arguments, as the YAML states them.

    Args:
        target: dotted path of the function or class.
        arguments: keyword arguments; a nested ``_target_`` is a Component of its own.
        key: the config key it stands under, for messages: ``optimizer``.
    """

    target: str
    arguments: Mapping[str, Any]
    key: str

    @property
    def name(self) -> str:
        """The last word of the target: ``adam``."""
        return self.target.rpartition(".")[2]

    @property
    def is_of_backend(self) -> bool:
        """Whether it is one of the functions that come with a backend, and not somebody's own."""
        return self.target.startswith("runner.backends.")


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The framework that carries the experiment out, the package of its adapter, and whose arithmetic it is.

    Args:
        name: the framework.
        package: the package of its adapter.
        semantics: one equation on both frameworks, or each framework's own classes and habits.
        corrections: the names of differences that are corrected although the semantics is native; no key of YAML.
    """

    name: str
    package: str
    semantics: Semantics
    corrections: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which rows are for validation and which for test; the rest is for training.

    Args:
        validation: share of the rows.
        test: share of the rows.
        by: by what they are divided: rows at random, the classes in proportion where there are some (auto) or must be
            (stratified); whole groups; stretches of time; or as a column says.
        column: the column of groups, times or names of parts.
        folds: how many parts take turns in being validation rows, in place of the share; None for no folds.
        fold: whose turn it is, from 0.
    """

    validation: BelowOne
    test: BelowOne
    by: Literal["auto", "random", "stratified", "group", "time", "column"]
    column: str | None
    folds: Annotated[int, Range(2)] | None
    fold: Count


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """Stop after ``patience`` epochs that improve by no more than ``minimum_improvement``; null patience never stops."""

    patience: PositiveCount | None
    minimum_improvement: NotNegative


@dataclass(frozen=True, kw_only=True)
class Clipping:
    """Gradient clipping by the global norm g * min(1, c / (|g| + 1e-6)), or of each element to [-c, c]; null is off."""

    global_norm: Positive | None
    value: Positive | None


@dataclass(frozen=True, kw_only=True)
class Prefetch:
    """Chunks of rows that are read ahead while the framework computes, 0 for none, and the threads that read them."""

    chunks: Count
    workers: PositiveCount


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """How often a training is written down so that it can be gone on with; null leaves a rule out, all three for never.

    Args:
        epochs: after so many epochs.
        steps: after so many batches, once the framework comes back from the call that they are in.
        minutes: after so many minutes, likewise.
        keep: the newest that stay.
    """

    epochs: PositiveCount | None
    steps: PositiveCount | None
    minutes: Positive | None
    keep: PositiveCount

    @property
    def is_on(self) -> bool:
        """Whether there are checkpoints at all."""
        return any(rule is not None for rule in (self.epochs, self.steps, self.minutes))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How many rows stand for all at the end of a training, drawn by the seed; null is all.

    Args:
        metrics: training rows by which the final metrics of that split are computed.
        predictions: rows of each split whose predictions are kept, for figures.
    """

    metrics: PositiveCount | None
    predictions: PositiveCount | None


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """The study that judges a run after every epoch, and the trial that the run is there.

    Args:
        storage: the address of the study's database.
        study: its name there.
        trial: the key of the trial in the database.
        metric: what is compared.
        pruner: who compares: median, hyperband or successive_halving.
        startup_trials: trials that ended before the median pruner judges.
        warmup_epochs: epochs that every run is given.
        epochs: the most that any run has.
    """

    storage: str
    study: str
    trial: int
    metric: str
    pruner: str
    startup_trials: Count
    warmup_epochs: PositiveCount
    epochs: PositiveCount


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, in what portions, at what precision and from where.

    ``balance`` makes classes count alike, by the weights of their rows or by how often these are drawn.
    ``pruning`` is who may end a run without hope, ``resume_from`` the checkpoint that it goes on from; no keys of YAML.
    """

    epochs: PositiveCount
    batch_size: PositiveCount
    accumulation: PositiveCount
    balance: Literal["weights", "sampling"] | None
    weight_average: OpenUnitInterval | None
    precision: Precision
    steps_per_execution: PositiveCount
    monitor: str
    keep: Literal["best", "last"]
    early_stopping: EarlyStopping
    clipping: Clipping
    prefetch: Prefetch
    checkpoint: Checkpointing
    sample: Sample
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: PositiveCount | Literal["auto"]
    nodes: PositiveCount
    threads: Count
    deterministic: bool
    start_from: str | None
    start_with: Literal["weights", "state"]
    pruning: Pruning | None = None
    resume_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Where MLflow keeps the runs, and their models in which form; a null address is mlflow.db in the working folder."""

    enabled: bool
    uri: str | None
    experiment: str
    model: Literal["numpy", "native"]


@dataclass(frozen=True, kw_only=True)
class Debug:
    """Shortcuts for finding mistakes: few steps, few rows, or one batch learnt by heart."""

    maximum_steps: PositiveCount | None
    rows: PositiveCount | None
    one_batch: bool
    stop_below_loss: Positive | None


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How two backends are compared.

    Args:
        steps: how many steps are compared at most.
        perturbations: draws of perturbed first weights.
        elements: numbers kept of each array.
        control: a third arm, Keras on torch's kernels, or None.
    """

    steps: PositiveCount
    perturbations: PositiveCount
    elements: PositiveCount
    control: Literal["keras-on-torch"] | None


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """How the jobs of a sweep are carried out; nothing of it changes a number of theirs.

    Args:
        workers: processes at once; None for as many as cores and memory allow.
        job_timeout: seconds after which a job has failed; None never ends one.
        on_error: whether a failed job ends the sweep.
        resume: whether jobs of an earlier sweep of the same grid that finished are taken over.
        nested: whether MLflow folds the jobs under the run that sums them up.
        dry_run: whether jobs are looked at and none is started.
    """

    workers: PositiveCount | None
    job_timeout: Positive | None
    on_error: Literal["continue", "stop"]
    resume: bool
    nested: bool
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One run, entirely: nothing else decides what is computed."""

    name: str | None
    seed: Count
    standardise: Standardise
    backend: Backend
    task: Component
    data: Component
    split: Split
    architecture: Component
    activation: Component
    initializer: Component
    loss: Component
    output: Output
    optimizer: Component
    schedule: Component
    training: Training
    tracking: Tracking
    plots: Mapping[str, Component]
    debug: Debug
    parity: Parity
    sweep: Sweep
