"""The verb resume: what was begun and not finished goes on, a run from its last checkpoint, a sweep with what is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner import checkpoints, folders, resuming, surroundings, trust
from runner.commands import options, resume_sweep, train
from runner.commands.chosen_run import FLAGS, METRIC, OF
from runner.distributed import meeting
from runner.errors import ConfigurationError, Fault, UsageError
from runner.folders import shown
from runner.recorded import Record, find
from runner.runs import Resumption
from runner.tracking import continuing

# So long the recorder of a run that has just died may need to tell MLflow so.
_RECORDER_SECONDS = 60.0


def run(words: Sequence[str]) -> int:
    """Goes on with a run or a sweep; further words are overrides: ``training.epochs=60``, ``backend=keras``."""
    if words and resume_sweep.is_meant(words[0]):
        return resume_sweep.run(words[0], words[1:])
    typed = options.read("resume", words, values=FLAGS, switches=[trust.TRUST])
    if not typed.names or "=" in typed.names[0]:
        rule = "needs the run or the sweep that is to go on"
        remedy = "Name a run by its folder, its name, its number in MLflow or last; a sweep by its name or its folder."
        raise UsageError([Fault("resume", rule, None, None, remedy)])
    text, *overrides = typed.names
    uri = dict(each.split("=", 1) for each in overrides if "=" in each).get("tracking.uri")
    record = find(text, uri=uri, metric=typed.values.get(METRIC), of=typed.values.get(OF), finished=False)
    folder = resuming.folder_of(record)
    return _go_on(record, folder, overrides, is_trusted=trust.TRUST in typed.switches)


def _go_on(record: Record, folder: Path, overrides: Sequence[str], *, is_trusted: bool) -> int:
    from runner import compose, session, supplies
    from runner.reopening import reopened

    found = checkpoints.newest(folder / checkpoints.FOLDER)
    folders.make_importable()
    with reopened(record, overrides, is_trusted=is_trusted) as again:
        config, checked = again.answer.config, again.answer.checked
        experiment = resuming.from_checkpoint(checked.experiment, found)
        request = compose.run_request(
            config, experiment, overrides=[*record.overrides, *overrides], folder=folder
        )
        changed = resuming.changes(record.parameters, request.parameters)
        faults = list(resuming.faults(record, found, checked, changed))
        faults += surroundings.faults(experiment, folder)
        if faults:
            raise ConfigurationError(faults)
        # On another machine the command of the first one may be at the run already.
        helps_out = meeting.node(experiment.training.nodes) > 0
        if not helps_out:
            resuming.require_nobody(record)
        for sentence in [*checked.warnings, *again.notes, *resuming.notes(record, found, changed)]:
            print(f"Note: {sentence}", file=sys.stderr)
        supplies.fetch([experiment])
        if helps_out:
            return train.take_part(experiment)
        if experiment.tracking.enabled and not continuing.take_over(folder, _RECORDER_SECONDS):
            rule = "another process still tells MLflow of it"
            raise UsageError([Fault(str(shown(folder)), rule, remedy="Try again in a minute.")])
        resumption = Resumption(
            step=found.checkpoint.step if found.checkpoint else 0,
            is_longer=record.status == "FINISHED",
            changed=changed,
        )
        return session.run(replace(request, resumption=resumption, uri=record.uri)).exit_code
