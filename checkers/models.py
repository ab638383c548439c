"""Models: what an object does when one operation comes after the other.

A model is a record of functions over states, so that the search for an order (`checkers.search`) knows no
particular object. States and calls are values: equal ones are the same one, and all can be hashed.

A register holds one value, null at first. `register` is read and written, `cas-register` also compared and
set, `keyed-register` is a `cas-register` for each key where the key may stand in the value, `[key, value]`,
as in Jepsen's independent tests. All are judged key by key, which is exact because linearizability is local
(Herlihy & Wing 1990, theorem 1).

A `cas` that ended with `fail` did nothing, for whatever reason, and is left out. One that ended with `ok` and
value false compared and found another value, which is an observation. `etcd` is a `cas-register` that takes
`fail` for the same: use it only where `fail` cannot mean that the request never arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple

import msgspec

from checkers.history import Pair

State = Any
Label = int | str | None


class Special(Enum):
    """What stands for a state where there is none."""

    NONE = "no state"
    ANY = "every state"
    SOME = "several states"


class Call(NamedTuple):
    """An operation as a model sees it: what was asked and answered, as values that can be hashed."""

    f: str
    value: Any
    outcome: Literal["ok", "fail", "info"]


class UnknownOperationError(ValueError):
    """The model does not have this operation, or not with this value."""


@dataclass(frozen=True, slots=True)
class Model:
    """An object by its sequential behaviour.

    `call` reads an operation, or says None if it had no effect and told nothing, or raises
    UnknownOperationError. `step(state, call)` is whether the call is possible in the state, and the state
    after it. `partition` splits operations into independent objects. `requires(call)` is the one state in
    which the call is possible, ANY if it always is, SOME if one state cannot say that. `produces(call)` is
    the state it leaves, NONE if it never changes any. `is_register` says that `checkers.native.registers`
    knows it.
    """

    name: str
    init: State
    call: Callable[[Pair], Call | None]
    step: Callable[[State, Call], tuple[bool, State]]
    partition: Callable[[Sequence[Pair]], Mapping[Label, list[Pair]]]
    requires: Callable[[Call], State | Special]
    produces: Callable[[Call], State | Special]
    describe_operation: Callable[[Call, Label], str]
    describe_state: Callable[[State], str]
    is_register: bool = False

    def leaves(self, call: Call) -> State | Special:
        """The state right after an operation that was done; NONE if that cannot be said."""
        produced = self.produces(call)
        left = self.requires(call) if produced is Special.NONE else produced
        return Special.NONE if isinstance(left, Special) else left


def model(name: str) -> Model:
    """The model of that name. Raises KeyError; the names are in `NAMES`."""
    return _MODELS[name]


def freeze(value: Any) -> Any:
    """A JSON value as one that can be hashed, equal exactly if the JSON values are equal.

    Python holds 1 and True equal, JSON does not: all but numbers, strings and null become encoded bytes.
    """
    if value is None or type(value) is int or type(value) is str:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return msgspec.json.encode(value, order="deterministic")


def text(value: Any) -> str:
    """A frozen value as JSON."""
    return (value if isinstance(value, bytes) else msgspec.json.encode(value)).decode()


def _step(state: State, call: Call) -> tuple[bool, State]:
    f, value, outcome = call
    if f == "read":
        return state == value, state
    if f == "write":
        return True, value
    if outcome == "fail":
        return state != value[0], state
    return state == value[0], value[1]


def _requires(call: Call) -> State | Special:
    if call.f == "write":
        return Special.ANY
    if call.outcome == "fail":
        return Special.SOME
    return call.value[0] if call.f == "cas" else call.value


def _produces(call: Call) -> State | Special:
    if call.f == "read" or call.outcome == "fail":
        return Special.NONE
    return call.value[1] if call.f == "cas" else call.value


def _describe(call: Call, label: Label) -> str:
    of = "" if label is None else f" of key {label}"
    if call.f == "read":
        return f"read{of} returned {text(call.value)}"
    if call.f == "write":
        to = "" if label is None else f" to key {label}"
        return f"write {text(call.value)}{to}"
    failed = "failed " if call.outcome == "fail" else ""
    return f"{failed}cas{of} from {text(call.value[0])} to {text(call.value[1])}"


def _read_register(pair: Pair, functions: frozenset[str], *, failures: bool = False) -> Call | None:
    if pair.f not in functions:
        known = ", ".join(sorted(functions))
        raise UnknownOperationError(f'it has no operation "{pair.f}" (only {known})')
    outcome = pair.type
    if pair.f == "read":
        # A read that did not answer has no effect and told nothing.
        if outcome != "ok" or pair.completion is None:
            return None
        return Call("read", freeze(pair.completion.value), outcome)
    if outcome == "fail" and not (failures and pair.f == "cas"):
        return None
    argument, answer = pair.invoke.value, pair.completion and pair.completion.value
    if pair.f == "write":
        return Call("write", freeze(argument), outcome)
    if not isinstance(argument, list | tuple) or len(argument) != 2:
        raise UnknownOperationError(f'"cas" of index {pair.invoke.index} needs a value [old, new]')
    if outcome == "ok" and answer is False:
        outcome = "fail"
    return Call("cas", (freeze(argument[0]), freeze(argument[1])), outcome)


def _partition(pairs: Sequence[Pair]) -> Mapping[Label, list[Pair]]:
    parts: dict[Label, list[Pair]] = {}
    for pair in pairs:
        parts.setdefault(pair.key, []).append(pair)
    return parts


def _partition_pairs(pairs: Sequence[Pair]) -> Mapping[Label, list[Pair]]:
    return _partition([_unpack(pair) for pair in pairs])


def _unpack(pair: Pair) -> Pair:
    """Take the key out of `[key, value]` where the operation has none."""
    if pair.key is not None:
        return pair
    value = pair.invoke.value
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], int | str):
        raise UnknownOperationError(
            f'"{pair.f}" of index {pair.invoke.index} has neither key nor [key, value]'
        )
    replace = msgspec.structs.replace
    completion = pair.completion
    if completion is not None:
        answer = completion.value
        inner = answer[1] if isinstance(answer, list | tuple) and len(answer) == 2 else answer
        completion = replace(completion, key=value[0], value=inner)
    return Pair(replace(pair.invoke, key=value[0], value=value[1]), completion)


def _register(
    name: str,
    functions: frozenset[str],
    *,
    failures: bool = False,
    partition: Callable[[Sequence[Pair]], Mapping[Label, list[Pair]]] = _partition,
) -> Model:
    return Model(
        name=name,
        init=None,
        call=lambda pair: _read_register(pair, functions, failures=failures),
        step=_step,
        partition=partition,
        requires=_requires,
        produces=_produces,
        describe_operation=_describe,
        describe_state=text,
        is_register=True,
    )


_PLAIN = frozenset({"read", "write"})
_CAS = frozenset({"read", "write", "cas"})
_MODELS = {
    built.name: built
    for built in (
        _register("register", _PLAIN),
        _register("cas-register", _CAS),
        _register("keyed-register", _CAS, partition=_partition_pairs),
        _register("etcd", _CAS, failures=True),
    )
}
NAMES = tuple(_MODELS)
