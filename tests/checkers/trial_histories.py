"""Histories of one trial, written by hand: what was asked, and how it ended."""

from __future__ import annotations

from typing import Any

from checkers.history import NEMESIS, History, Op, OpType

SECOND = 1_000_000_000
LEADER, FOLLOWER, OTHER = 0, 1, 2
PLAIN: dict[str, Any] = {"includeSystem": False}


class Story:
    """Says one thing after the other, half a second apart; it is told in the words of `checkers.trials`."""

    def __init__(self, kind: str = "scope", key: int | str = 7) -> None:
        self._key = key
        self._process = 0
        self._ops: list[Op] = []
        self.now_ns = 0
        if kind:
            for server in (LEADER, FOLLOWER):
                self.did("open", server, kind=kind)

    def did(
        self, f: str, server: int, *, end: OpType = "ok", saw: dict[str, Any] | None = None, **value: Any
    ) -> Story:
        """An operation; `saw` is what its answer has besides, or what an error says."""
        asked = {"server": server, **value}
        self._tell("invoke", f, asked)
        if end == "ok":
            self._tell("ok", f, {**asked, **(saw or {})}, node=f"n{server + 1}")
        else:
            self._tell(end, f, asked, error=(saw or {}).get("error", "no answer"), node=f"n{server + 1}")
        if end == "info":
            self._process += 10
        self.now_ns += SECOND // 2
        return self

    def waits(self, seconds: float) -> Story:
        """Nothing happens for a while."""
        self.now_ns += round(seconds * SECOND)
        return self

    def broke(self, family: str, *nodes: str) -> Story:
        """A fault begins and ends."""
        for f, value in ((f"start-{family}", {"nodes": list(nodes)}), (f"stop-{family}", None)):
            kind: OpType
            for kind in ("invoke", "info"):
                at = len(self._ops)
                self._ops.append(Op(at, self.now_ns, NEMESIS, kind, f, value))
        return self

    def _tell(self, kind: OpType, f: str, value: Any, **more: Any) -> None:
        self.now_ns += SECOND // 100
        at, key = len(self._ops), self._key
        self._ops.append(Op(at, self.now_ns, self._process, kind, f, value, key, **more))

    # What many stories have.

    def filled(self, server: int, name: str, *keys: str, new: bool = True, **more: Any) -> Story:
        """Documents were written."""
        value = {"collections": {name: list(keys)}, "new": [name] if new else [], "durable": True}
        return self.did("fill", server, **{**value, **more})

    def followed(self, configuration: dict[str, Any] | None = None, **more: Any) -> Story:
        """The follower was set up."""
        return self.did(
            "follow", FOLLOWER, **{"leader": LEADER, "configuration": configuration or PLAIN, **more}
        )

    def synced(self, tick: int = 50) -> Story:
        """The follower made a copy."""
        return self.did("sync", FOLLOWER, leader=LEADER, configuration=PLAIN, saw={"tick": tick})

    def looked(self, server: int, names: list[str] | None = None, /, **documents: dict[str, str]) -> Story:
        """What a server had."""
        shown = [name for name in documents if not name.startswith("_")] if names is None else names
        asked = ["c", "d", "own", "_apps", "_jobs", "_graphs"]
        return self.did("look", server, collections=asked, saw={"names": shown, "documents": documents})

    def ticked(self, tick: int = 100, *, server: int = LEADER, uptime_s: float = 1000.0) -> Story:
        """How far the leader's log reached."""
        return self.did("tick", server, saw={"tick": tick, "uptime_s": uptime_s})

    def told(self, *, target: int | None = None, **state: Any) -> Story:
        """The state of the follower."""
        usual = {"uptime_s": 1000.0, "running": True, "applied": None, "error": 0, "resyncs": 0}
        more = {"requests": 1, "failed_connects": 0}
        asked: dict[str, Any] = {} if target is None else {"target": target}
        return self.did("state", FOLLOWER, saw={**usual, **more, **state}, **asked)

    def caught_up(self, tick: int = 100) -> Story:
        """The follower applied all that its leader had."""
        return self.ticked(tick).told(target=tick, applied=tick)

    @property
    def history(self) -> History:
        """All of it."""
        return History(self._ops)
