"""Who a run is: its code, its configuration's meaning, and the packages it was computed with."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from runner.tracking import Scalar

# What decides where a run is kept and how it is shown, and no number of it.
WITHOUT_MEANING = ("name", "tracking", "plots", "sweep", "hydra")
_GIT_SECONDS = 5.0


def meaning(parameters: Mapping[str, Scalar]) -> str:
    """Returns a SHA-256 of the parameters that decide a number, in hexadecimal.

    Two runs with the same digest are the same experiment: canonical JSON, sorted by key, without the name,
    the tracking, the figures and the sweep.
    """
    deciding = {
        key: value for key, value in parameters.items() if key.partition(".")[0] not in WITHOUT_MEANING
    }
    text = json.dumps(deciding, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def git_tags(folder: Path) -> dict[str, str]:
    """Returns the commit of the repository around ``folder`` and whether files of it were changed since.

    Files that git does not follow do not count, for a run makes some itself. Without a repository, without a
    commit and without git there is nothing to tell.
    """
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        answer = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = answer.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return {}
    dirty = any(not line.startswith("#") for line in lines)
    return {"git_commit": commit, "git_dirty": "true" if dirty else "false"}


@cache
def packages() -> str:
    """Returns every installed package as ``name==version``, one a line and by name."""
    found = {f"{each.name}=={each.version}" for each in metadata.distributions() if each.name}
    return "".join(f"{line}\n" for line in sorted(found, key=str.lower))
