"""Files and folders of a person's own."""

from __future__ import annotations

from pathlib import Path

from runner.errors import ConfigurationError, Fault
from runner.suggestions import nearest


def existing(path: str | None, key: str, what: str) -> Path:
    """Returns the place that a key names.

    Args:
        path: as it was given.
        key: of the configuration.
        what: what is to be there: "a folder of pictures".

    Raises:
        ConfigurationError: there is none, or nothing is there.
    """
    if path is None:
        raise ConfigurationError([Fault(key, f"must name {what}", "null", remedy=f"Write {key}=PATH.")])
    place = Path(path).expanduser()
    if place.exists():
        return place
    parent = place.absolute().parent
    if not parent.is_dir():
        rule = f"must name {what}, and there is no folder {parent}"
        raise ConfigurationError([Fault(key, rule, path)])
    beside = nearest(place.name, [each.name for each in parent.iterdir()])
    rule = f"must name {what}, and nothing of that name is there"
    raise ConfigurationError([Fault(key, rule, path, beside, f"It is looked for in {parent}.")])
