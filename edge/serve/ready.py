"""An answer that has only to be sent, and what it takes to make one."""

from dataclasses import dataclass, replace

from common.clock import Clock
from common.http import ByteRange
from edge.fetch.fetches import Fetches
from edge.policy.access_line import LineFormat
from edge.policy.answering import Decided
from edge.policy.heads import framed, render_head
from edge.policy.keys import KeyRules
from edge.policy.watched import Watch
from edge.serve.counters import Counters, Tally
from edge.serve.sending import Sender
from edge.store import Cache


@dataclass(slots=True)
class Ready:
    """An answer that has only to be sent."""

    status: int
    result: str
    """What the cache did, for counting."""
    cache_status: str
    head: bytes
    start: int
    stop: int
    """Its content: bytes of the object."""
    tally: Tally
    watch: Watch
    """What counts what is taken of its asset."""
    logged: str
    """What the access log says of it."""
    whole: bytes | None = None
    """Head and content, where the content is small."""

    def as_last(self) -> "Ready":
        """The same, as the last answer of its connection (RFC 9112 §9.6)."""
        head = self.head[:-2] + b"Connection: close\r\n\r\n"
        whole = None if self.whole is None else head + self.whole[len(self.head) :]
        return replace(self, head=head, whole=whole)


@dataclass(frozen=True, slots=True)
class Means:
    """What all of the express lane's ways to an answer rest on."""

    cache: Cache
    """What is stored."""
    fetches: Fetches
    """What is on its way."""
    clock: Clock
    rules: KeyRules
    """What is in a key."""
    sender: Sender
    """Knows the fields of every answer."""
    counters: Counters
    name: str
    """This cache's, in Cache-Status."""
    lines: LineFormat | None
    """How the access log is written, if it is."""

    def ready(
        self,
        key: str,
        decided: Decided,
        span: ByteRange,
        *,
        age: int | None,
        result: str,
        cache_status: str,
    ) -> Ready:
        """The answer of ``decided`` with the content ``span`` of the object ``key``; the rest is as
        in ``Ready``."""
        fields = self.sender.told_of(decided, age, cache_status)
        head = render_head(decided.status, decided.reason, framed(fields, decided.length))
        return self.with_head(key, decided.status, head, span, result, cache_status)

    def with_head(
        self, key: str, status: int, head: bytes, span: ByteRange, result: str, cache_status: str
    ) -> Ready:
        """The answer with a head that is rendered; the rest is as in ``ready``."""
        logged = ""
        if self.lines is not None:
            logged = self.lines.answered(status, span.length, result, cache_status)
        tally = self.counters.tally(status, result)
        watch = self.counters.watches.of(key)
        start, stop = span.start, span.stop
        return Ready(status, result, cache_status, head, start, stop, tally, watch, logged)
