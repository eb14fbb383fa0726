"""What the commands of one training tell each other where it has several machines: who takes part, and how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from runner.errors import Fault, RunnerError
from runner.experiment import Experiment

NODE, ADDRESS, PORT = "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"
# What decides no number: the commands may differ in it.
_WITHOUT_MEANING = ("name", "tracking", "plots", "sweep", "parity")
_WAIT_SECONDS = 600.0
_ANSWER_SECONDS = 30.0
_LOOK_SECONDS = 0.2


@dataclass
class Meeting:
    """The machines that take part, for as long as the training lasts.

    Args:
        node: the number of this one, from 0.
        addresses: where each process of the training hears the others, by rank.
        others: connections: from the first machine to all others, from the others to the first.
    """

    node: int
    addresses: tuple[str, ...]
    others: list[socket.socket] = field(default_factory=list)

    def tell(self, reason: str | None) -> None:
        """Says to the others how the training ended, None where it finished."""
        for other in self.others:
            with contextlib.suppress(OSError):
                _send(other, {"end": reason})


def node(nodes: int) -> int:
    """Returns the number of this machine among those of a training, from 0."""
    return int(os.environ[NODE]) if nodes > 1 else 0


def faults(nodes: int) -> Iterator[Fault]:
    """Yields what the environment does not say and a training on several machines needs."""
    if nodes == 1:
        return
    missing = [name for name in (ADDRESS, PORT, NODE) if not os.environ.get(name)]
    key, received = "training.nodes", str(nodes)
    if missing:
        rule = f"needs {', '.join(missing)} in the environment of the command on every machine"
        remedy = (
            f"{ADDRESS} and {PORT} say where the first one listens, {NODE} counts them from 0 to {nodes - 1}."
        )
        yield Fault(key, rule, received, remedy=remedy)
        return
    if not os.environ[NODE].isdecimal() or int(os.environ[NODE]) >= nodes:
        yield Fault(key, f"needs a {NODE} from 0 to {nodes - 1}, and it is {os.environ[NODE]}", received)
    if not os.environ[PORT].isdecimal() or not 0 < int(os.environ[PORT]) < 65536:
        yield Fault(key, f"needs a {PORT} from 1 to 65535, and it is {os.environ[PORT]}", received)


@contextlib.contextmanager
def held(experiment: Experiment, devices: int) -> Iterator[Meeting]:
    """Gives the meeting of all machines of a training once everybody is there.

    Args:
        experiment: the same for all.
        devices: of this machine, which must be those of the others.

    Raises:
        RunnerError: somebody did not come, or came with something else.
    """
    nodes = experiment.training.nodes
    number = node(nodes)
    ports = _free_ports(devices)
    if nodes == 1:
        yield Meeting(0, _addresses("127.0.0.1", ports))
        return
    card = {"node": number, "ports": ports, "meaning": _meaning(experiment)}
    with contextlib.ExitStack() as stack:
        meeting = _received(card, nodes, stack) if number == 0 else _joined(card, stack)
        yield meeting


def heard(other: socket.socket) -> str | None:
    """Returns how a training ended on another machine, None where it finished."""
    told = _receive(other)
    if told is None:
        return "the command on another machine ended without a word"
    reason: str | None = told["end"]
    return reason


def _received(card: Mapping[str, Any], nodes: int, stack: contextlib.ExitStack) -> Meeting:
    """Waits for all others, and tells each of them where everybody is."""
    host, port = os.environ[ADDRESS], int(os.environ[PORT])
    try:
        server = stack.enter_context(socket.create_server(("", port)))
    except OSError as error:
        raise RunnerError(f"training.nodes: port {port} ({PORT}) cannot be had: {error.strerror}") from None
    met: dict[int, tuple[socket.socket, tuple[str, ...]]] = {}
    deadline = time.monotonic() + _WAIT_SECONDS
    while len(met) < nodes - 1:
        server.settimeout(max(deadline - time.monotonic(), _LOOK_SECONDS))
        try:
            other, (there, *_) = server.accept()
        except TimeoutError:
            message = f"training.nodes: {len(met) + 1} of {nodes} machines came within {_WAIT_SECONDS:g} s"
            raise RunnerError(message) from None
        stack.enter_context(other)
        other.settimeout(_ANSWER_SECONDS)
        theirs = _receive(other)
        if theirs is None:
            continue
        wrong = _objection(card, theirs, met)
        if wrong:
            _send(other, {"objection": wrong})
            raise RunnerError(f"training.nodes: {wrong}")
        met[theirs["node"]] = other, _addresses(there, theirs["ports"])
    everybody = [_addresses(host, card["ports"]), *(met[each][1] for each in sorted(met))]
    addresses = tuple(address for of_one in everybody for address in of_one)
    others = [other for other, _ in met.values()]
    for other in others:
        _send(other, {"addresses": addresses})
    return Meeting(0, addresses, others)


def _objection(card: Mapping[str, Any], theirs: Mapping[str, Any], met: Mapping[int, object]) -> str | None:
    if theirs["meaning"] != card["meaning"]:
        return f"the command on machine {theirs['node']} is not that on machine 0; type the same on all"
    if len(theirs["ports"]) != len(card["ports"]):
        return f"machine {theirs['node']} has another number of devices than machine 0"
    if theirs["node"] in met:
        return f"two machines have {NODE}={theirs['node']}"
    return None


def _joined(card: Mapping[str, Any], stack: contextlib.ExitStack) -> Meeting:
    """Goes to the first machine, as soon as it listens."""
    place = os.environ[ADDRESS], int(os.environ[PORT])
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            first = stack.enter_context(socket.create_connection(place, timeout=_WAIT_SECONDS))
            break
        except OSError as error:
            if time.monotonic() > deadline:
                message = (
                    f"training.nodes: nobody listens at {place[0]}:{place[1]} ({ADDRESS}, {PORT}): {error}"
                )
                raise RunnerError(message) from None
            time.sleep(_LOOK_SECONDS)
    _send(first, card)
    told = _receive(first) or {"objection": "the command on machine 0 ended"}
    if "objection" in told:
        raise RunnerError(f"training.nodes: {told['objection']}")
    return Meeting(card["node"], tuple(told["addresses"]), [first])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def _addresses(host: str, ports: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{host}:{port}" for port in ports)


def _meaning(experiment: Experiment) -> str:
    deciding = [
        getattr(experiment, each.name) for each in fields(experiment) if each.name not in _WITHOUT_MEANING
    ]
    return hashlib.sha256(repr(deciding).encode()).hexdigest()


def _send(other: socket.socket, message: Mapping[str, Any]) -> None:
    other.sendall(json.dumps(message).encode() + b"\n")


def _receive(other: socket.socket) -> dict[str, Any] | None:
    """Returns the next line that was said, None where nobody is there any more."""
    line = b""
    with contextlib.suppress(OSError, ValueError):
        while not line.endswith(b"\n"):
            piece = other.recv(1)
            if not piece:
                return None
            line += piece
        told: dict[str, Any] = json.loads(line)
        return told
    return None
