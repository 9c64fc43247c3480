"""What is known of a session from one steering manifest to the next.

Its player carries it, in the URI where it asks again, so that any control plane answers it and none
has to remember. What comes back may be made up: whoever does that harms its own session alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from common.messages.packages import IDENTIFIER_PATTERN

NAME: Final = "session"
EDGE: Final = "edge"
SINCE: Final = "since"
SHARE: Final = "share"
LEFT: Final = "left"
VERSION: Final = "version"
"""Names of parameters."""
LEFT_MOST: Final = 4
"""Edges that a session remembers to have left."""
LEFT_FOR: Final = 300
"""Seconds after which an edge that was left may be tried again, as long as hls.js shuns it."""
LONGEST_STAY: Final = 86_400
"""Seconds; who has been somewhere for longer might as well have come then."""

_NAME = re.compile(r"[A-Za-z0-9_-]{8,32}\Z")
_IDENTIFIER = re.compile(rf"{IDENTIFIER_PATTERN}\Z")
_DIGITS = re.compile(r"[0-9]{1,10}\Z")


@dataclass(frozen=True, slots=True)
class Session:
    """One playback."""

    name: str
    """By chance; sessions are shared out by it."""
    edge: str = ""
    """Where it was sent; empty when nobody knows where it is."""
    since: int = 0
    """POSIX seconds when it was sent there, or asked first; 0 before that."""
    share: int = 100
    """Per cent of its viewers that the edge got then."""
    left: Mapping[str, int] = field(default_factory=dict)
    """The edges that served it badly, or not at all, and when it left each; POSIX seconds."""
    version: str = ""
    """What it plays; empty when nobody knows."""

    @classmethod
    def carried(cls, query: Mapping[str, str], fresh: str, now: float) -> "Session":
        """The session that the parameters of a request tell of.

        Args:
            query: the parameters.
            fresh: the name of a new session, for a request that names none.
            now: POSIX seconds.
        """
        name, edge = query.get(NAME, ""), query.get(EDGE, "")
        if not _NAME.match(name):
            return cls(fresh)
        left = dict(
            pair
            for part in query.get(LEFT, "").split(",", LEFT_MOST)[:LEFT_MOST]
            if (pair := _left(part, int(now))) is not None
        )
        version = query.get(VERSION, "")
        version = version if _IDENTIFIER.match(version) else ""
        told = _seconds(query.get(SINCE, ""), int(now))
        since = int(now) if told is None else max(told, int(now) - LONGEST_STAY)
        if not _IDENTIFIER.match(edge):
            return cls(name, since=since, left=left, version=version)
        share = query.get(SHARE, "")
        return cls(
            name=name,
            edge=edge,
            since=since,
            share=min(max(int(share), 1), 100) if _DIGITS.match(share) else 100,
            left=left,
            version=version,
        )

    @property
    def query(self) -> str:
        """The parameters that carry it."""
        told: dict[str, str | int] = {NAME: self.name, SINCE: self.since}
        if self.version:
            told[VERSION] = self.version
        if self.edge:
            told |= {EDGE: self.edge, SHARE: self.share}
        if self.left:
            told[LEFT] = ",".join(f"{edge}.{when}" for edge, when in self.left.items())
        return urlencode(told, safe=",")

    def greeted(self, version: str, now: float) -> "Session":
        """The session once its player was told for the first time, which is soon after it got that
        version."""
        return replace(self, since=int(now), version=version)

    def sent(self, edge: str, share: float, now: float) -> "Session":
        """The session once it was sent to an edge that gets ``share`` of its viewers, 0 to 1."""
        per_cent = min(max(round(100 * share), 1), 100)
        return replace(self, edge=edge, since=int(now), share=per_cent)

    def leaving(self, now: float) -> "Session":
        """The session once its edge has served it badly."""
        if not self.edge:
            return self
        others = [(edge, when) for edge, when in self.left.items() if edge != self.edge]
        left = dict([*others, (self.edge, int(now))][-LEFT_MOST:])
        return replace(self, edge="", since=int(now), share=100, left=left)


def _left(text: str, now: int) -> tuple[str, int] | None:
    edge, _, when = text.partition(".")
    seconds = _seconds(when, now)
    if seconds is None or now - seconds >= LEFT_FOR or not _IDENTIFIER.match(edge):
        return None
    return edge, seconds


def _seconds(text: str, now: int) -> int | None:
    """POSIX seconds up to ``now``: another control plane's clock may be ahead."""
    return min(int(text), now) if _DIGITS.match(text) else None
