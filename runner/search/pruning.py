"""Whether a run has no hope: told after every epoch to the study that it is a trial of, which compares it with others."""

from __future__ import annotations

from collections.abc import Callable

from runner.experiment import Pruning
from runner.results import EpochRecord

Judge = Callable[[EpochRecord], bool]


def judge(asked: Pruning | None, problem: Callable[[str], None]) -> Judge | None:
    """Returns what takes every epoch's record and says whether to end the run; None where nobody judges.

    Args:
        asked: the trial that the run is.
        problem: takes a sentence where the study does not answer any more; the run then goes on to its end.
    """
    if asked is None:
        return None
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    from runner.search.store import opened, pruner

    failures = (SQLAlchemyError, optuna.exceptions.OptunaError)
    study = optuna.load_study(
        study_name=asked.study,
        storage=opened(asked.storage),
        # Nothing is chosen here.
        sampler=optuna.samplers.RandomSampler(),
        pruner=pruner(asked),
    )
    trial = optuna.Trial(study, asked.trial)
    answers = True

    def is_hopeless(record: EpochRecord) -> bool:
        nonlocal answers
        if not answers:
            return False
        try:
            trial.report(record.metrics[asked.metric], record.epoch)
            return trial.should_prune()
        except failures as error:
            answers = False
            reason = str(error).partition("\n")[0]
            problem(
                f"the study could not be told of epoch {record.epoch}, and judges this run no more: {reason}"
            )
            return False

    return is_hopeless
