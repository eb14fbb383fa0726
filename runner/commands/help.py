"""The help: verbs, groups with their options, keys and examples, from the first lines of the YAML files; and of a verb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner import folders

_USAGE = """\
One YAML trains on PyTorch or on Keras with the same numbers, and MLflow remembers it.

Usage: python -m runner [verb] [group=option ...] [key=value ...]"""

_FLAGS = (
    ("-m", "run once for each combination of values: -m seed=1,2,3 activation=relu,tanh"),
    ("--cfg job", "print the configuration that would run, and run nothing"),
    ("--config-dir DIR", "take options from a further folder; ./conf and ./experiments are found without it"),
    ("--config-name NAME", "begin with another file than config.yaml"),
    ("--info, --hydra-help", "what Hydra says of itself"),
    ("VERB --help", "what a verb takes, with an example"),
    ("--traceback", "show the whole traceback of an unexpected error"),
)

EXAMPLES = (
    ("python -m runner", "train the default network on handwritten digits"),
    ("python -m runner backend=keras", "the same with Keras, to the same numbers"),
    ("python -m runner data=spirals activation=tanh training.epochs=100", "other data, other choices"),
    ("python -m runner -m optimizer=sgd,adam optimizer.learning_rate=0.1,0.01,0.001", "six runs, compared"),
    ("python -m runner check data=digits architecture=cnn", "look at the layers before anything runs"),
)


_HELP, _FLAG = "help", "--help"


def run(words: Sequence[str]) -> int:
    """Prints the help, of the verb that comes first where one does; other words do not matter."""
    from runner.__main__ import VERBS

    first = next((word for word in words if word != _HELP), "")
    verb = "" if "=" in first or first.startswith(("-", "+", "~")) else first
    if verb and verb not in VERBS:
        from runner.commands.failures import refuse_verb

        refuse_verb(verb, VERBS)
    print("\n".join(_of_verb(verb) if verb else _lines()))
    return 0


def _of_verb(verb: str) -> Iterator[str]:
    from runner.commands.usage import USAGES

    usage = USAGES[verb]
    command = f"python -m runner {verb}"
    yield f"Usage: {command} {usage.words}\n\n{usage.about}"
    yield from _section("Options", usage.options)
    yield f"\nExample\n  {command} {usage.example}".rstrip()
    yield f"      {usage.meaning}"
    yield f"\npython -m runner {_FLAG} has the other verbs, all groups and all keys."


def _lines() -> Iterator[str]:
    from runner.__main__ import VERBS

    yield _USAGE
    yield from _section("Verbs", [(verb, summary) for verb, (_, summary) in VERBS.items()])
    yield "\nGroups (the default of each has a star; list GROUP shows its keys and equations)"
    chosen = folders.defaults()
    for group in folders.groups():
        yield from _group(group, chosen.get(group))
    keys = [(f"{key}={value}", comment) for key, value, comment in folders.top_level_keys()]
    yield from _section("Keys outside the groups", keys)
    yield from _section("Flags", _FLAGS)
    yield "\nExamples"
    for command, meaning in EXAMPLES:
        yield f"  {command}\n      {meaning}"


def _group(group: str, chosen: str | None) -> Iterator[str]:
    options = folders.options(group)
    width = max((len(option.name) for option in options), default=0)
    yield f"  {group}" if options else f"  {group}  (none yet: a file in experiments/ becomes one)"
    for option in options:
        star = "*" if option.name == chosen else " "
        whose = "" if option.shipped else f"  [{folders.shown(option.path)}]"
        yield f"   {star} {option.name:{width}}  {folders.headline(option.path)}{whose}".rstrip()


def _section(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    yield f"\n{title}"
    for name, meaning in rows:
        yield f"  {name:{width}}  {meaning}".rstrip()
