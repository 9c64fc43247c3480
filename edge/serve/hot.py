"""Stored responses that are being asked for, with the heads of their answers rendered.

A head is rendered once per second, since Age and ttl are in whole seconds, and only while somebody
asks. That is also when the use of the object is noted.
"""

import re
from collections import deque
from collections.abc import Callable

from common.errors import NearcastError
from common.http import ByteRange, CacheControl
from common.http.cache_status import CacheStatus
from common.http.fields import Fields
from edge.policy.answering import decide
from edge.policy.messages import Request
from edge.policy.reuse import Verdict, judge_reuse
from edge.policy.stored import Stored
from edge.serve.ready import Means, Ready
from edge.serve.sending import CONTENTLESS
from edge.store import Resident

SMALL = 16 * 1024
"""Bytes up to which a process has a copy of its own, to send it together with its head."""
OWN_SHARE = 8
"""The part of the memory budget that such copies may take beside it is one in this."""
MOST_HOT = 16384
MOST_OPEN = 2048
"""Hot objects that are kept open, as they are not small."""
MOST_ANSWERS = 64
"""Answers to different conditions that are remembered of one object."""
FORGOTTEN_AFTER = 10.0
"""Seconds after which an object that nobody asks for is hot no more."""

Conditions = tuple[str | None, str | None, str | None, str | None]
"""If-None-Match, If-Modified-Since, Range and If-Range."""
_CONDITIONS = ("If-None-Match", "If-Modified-Since", "Range", "If-Range")
_NO_DIRECTIVES = CacheControl()
_SIMPLE_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})", re.ASCII)
_FIRST_BYTE: Conditions = (None, None, "bytes=0-0", None)


class HotObject:
    """A stored response, and answers made from it."""

    __slots__ = (
        "answers",
        "asked",
        "body",
        "cache_status",
        "generation",
        "get",
        "key",
        "range_head",
        "request",
        "resident",
        "since",
        "slot",
        "stored",
        "until",
        "version",
    )

    def __init__(self, key: str, request: Request, stored: Stored) -> None:
        self.key = key
        self.request = request
        """A plain GET for it."""
        self.stored = stored
        self.body: bytes | None = None
        """All its bytes, when it is small."""
        self.resident: Resident | None = None
        """Where they are otherwise."""
        self.slot = 0
        self.version = 0
        self.generation = 0
        self.since = 0.0
        self.until = 0.0
        """The answers hold from ``since`` up to, without, ``until``."""
        self.get: Ready | None = None
        """The answer to a plain GET."""
        self.answers: dict[tuple[str, Conditions | None], Ready | None] = {}
        """The others, by method and conditions; None where they are another's to give."""
        self.range_head: tuple[bytes, bytes, bytes] | None = None
        """The head of a single range, around its Content-Range and its Content-Length."""
        self.cache_status = ""
        self.asked = ""
        """What the access log says of a plain GET for it."""


class Missing:
    """Word that nothing is stored for a request."""

    __slots__ = ("key", "target")

    def __init__(self, key: str, target: str) -> None:
        self.key = key
        self.target = target
        """What is asked for, less what does not count."""


class HotObjects:
    """The hot objects of a process, by host and target."""

    def __init__(
        self,
        means: Means,
        *,
        scheme: str,
        watched: Callable[[str, Request], None],
        before: str = "",
    ) -> None:
        """Finds them in the cache of ``means``.

        Args:
            means: what answers rest on.
            scheme: of the viewers' URLs.
            watched: is told what is asked for, about once a second.
            before: what the access log says before each target, in place of a token.
        """
        self._means = means
        self._cache = means.cache
        self._clock = means.clock
        self._rules = means.rules
        self._scheme = scheme
        self._lines = means.lines
        self._watched = watched
        self._before = before
        self._arriving = means.fetches.arriving
        self._changes = means.cache.changes
        self._generation = means.cache.generation
        self._sites: dict[str, dict[bytes, HotObject]] = {}
        self._turns: deque[tuple[dict[bytes, HotObject], bytes, HotObject]] = deque()
        self._count = self._opened = 0
        self._own = 0
        """Bytes of the copies that are this process's own."""
        self._own_budget = means.cache.memory.budget // OWN_SHARE
        self._tidied_at = 0.0

    def site(self, host: str) -> dict[bytes, HotObject]:
        """The hot objects of a host by the targets that requests for them have."""
        return self._sites.setdefault("" if self._rules.objects_only else host, {})

    def holds(self, hot: HotObject, now: float) -> bool:
        """Whether what is known of ``hot`` is still so."""
        return (
            hot.since <= now < hot.until
            and self._changes[hot.slot] == hot.version
            and self._generation[0] == hot.generation
            and hot.key not in self._arriving
        )

    def find(self, host: str, target: str, now: float) -> HotObject | Missing | None:
        """The object that a plain GET for ``target`` on ``host`` is answered with at ``now``.

        None where that takes more than a look: it is not fresh, not in memory, one of several, or
        on its way.
        """
        site = self.site(host)
        hot = site.get(target.encode())
        if hot is None:
            try:
                # Less what does not count.
                target = self._rules.target(target)
            except NearcastError:
                return None
            hot = site.get(target.encode())
        if hot is not None:
            if self.holds(hot, now):
                return hot
            same = self._changes[hot.slot] == hot.version and self._generation[0] == hot.generation
            if same and hot.key not in self._arriving and self._refresh(hot, now):
                return hot
            self._forget(site, target.encode())
        return self._take_up(host, target, now)

    def _take_up(self, host: str, target: str, now: float) -> HotObject | Missing | None:
        key = self._rules.key(self._scheme, host, target)
        if key in self._arriving:
            return None
        slot = self._cache.slot_of(key)
        # Read before the record: if it changes in between, what is made here holds for no request.
        version, generation = self._changes[slot], self._generation[0]
        variants = self._cache.lookup(key)
        if not variants:
            return Missing(key, target)
        if len(variants) != 1 or variants[0].selecting or not variants[0].complete:
            return None
        request = Request("GET", self._scheme, host, target, Fields())
        hot = HotObject(key, request, variants[0])
        hot.slot, hot.version, hot.generation = slot, version, generation
        if not self._load(hot) or not self._refresh(hot, now):
            return None
        if self._lines is not None:
            hot.asked = self._lines.asked("GET", host, self._before + target, "HTTP/1.1")
        self._make_room(now)
        site = self.site(host)
        site[target.encode()] = hot
        self._turns.append((site, target.encode(), hot))
        self._count += 1
        self._own += len(hot.body or b"")
        self._opened += hot.resident is not None
        return hot

    def _load(self, hot: HotObject) -> bool:
        """Gets hold of the content; whether it is in memory."""
        stored = hot.stored
        if stored.size == 0:
            hot.body = b""
            return True
        resident = self._cache.resident(stored)
        if resident is None:
            return False
        if stored.size <= SMALL and stored.size * OWN_SHARE <= self._own_budget:
            hot.body = resident.read()
        else:
            hot.resident = resident
        return True

    def _refresh(self, hot: HotObject, now: float) -> bool:
        """Renders the answers of this second; whether there are any."""
        stored = hot.stored
        if judge_reuse(stored, _NO_DIRECTIVES, now).verdict is not Verdict.FRESH:
            return False
        if hot.resident is not None and hot.resident.evicted:
            return False
        age = stored.age + max(0.0, now - stored.received_at)
        left = stored.lifetime - age
        hot.since = max(now, stored.received_at)
        hot.until = min(now + int(age) + 1 - age, now + left - int(left), now + left)
        if left == int(left):
            # The moment at which ttl has just changed: it does so again in a second.
            hot.until = min(now + int(age) + 1 - age, now + 1, now + left)
        hot.answers.clear()
        hot.range_head = None
        ttl = int(stored.freshness_at(now))
        hot.cache_status = str(CacheStatus(cache=self._means.name, hit=True, ttl=ttl))
        hot.get = self._render(hot, "GET", None, now)
        if hot.get is not None and hot.body is not None:
            hot.get.whole = hot.get.head + hot.body[hot.get.start : hot.get.stop]
        self._cache.note_use(stored)
        self._cache.memory.note_visit(stored.number)
        self._watched(hot.key, hot.request)
        return True

    def answer(
        self, hot: HotObject, method: str, conditions: Conditions | None, now: float
    ) -> Ready | None:
        """The answer to a request with ``conditions``; None where it takes more than a look."""
        if conditions is None and method == "GET":
            return hot.get
        ranged = self._range(hot, method, conditions, now) if conditions is not None else None
        if ranged is not None:
            return ranged
        asked = (method, conditions)
        if asked not in hot.answers:
            if len(hot.answers) >= MOST_ANSWERS:
                hot.answers.clear()
            hot.answers[asked] = self._render(hot, method, conditions, now)
        return hot.answers[asked]

    def _render(
        self, hot: HotObject, method: str, conditions: Conditions | None, now: float
    ) -> Ready | None:
        stored = hot.stored
        request = hot.request
        if method != "GET" or conditions is not None:
            asked = zip(_CONDITIONS, conditions or (), strict=False)
            pairs = [(name, value) for name, value in asked if value is not None]
            request = Request(method, request.scheme, request.host, request.target, Fields(pairs))
        decided = decide(request, stored, stored.size)
        parts = decided.parts
        if len(parts) > 1 or (parts and isinstance(parts[0], bytes)):
            return None
        span = parts[0] if parts and isinstance(parts[0], ByteRange) else ByteRange(0, 0)
        if method == "HEAD" or decided.status in CONTENTLESS:
            span = ByteRange(0, 0)
        return self._means.ready(
            hot.key,
            decided,
            span,
            age=stored.age_at(now),
            result="hit",
            cache_status=hot.cache_status,
        )

    def _range(
        self, hot: HotObject, method: str, conditions: Conditions, now: float
    ) -> Ready | None:
        """The answer to a single range, without rendering all of its head."""
        wanted = conditions[2]
        if wanted is None or method != "GET" or conditions != (None, None, wanted, None):
            return None
        match = _SIMPLE_RANGE.fullmatch(wanted)
        if match is None:
            return None
        size = hot.stored.size
        start = int(match[1])
        stop = min(int(match[2]) + 1, size) if match[2] else size
        if start >= stop:
            return None
        first = self._first_byte(hot, now)
        if first is None or hot.range_head is None:
            return None
        before, between, after = hot.range_head
        head = b"%s%d-%d%s%d%s" % (before, start, stop - 1, between, stop - start, after)
        logged = ""
        if self._lines is not None:
            logged = self._lines.answered(206, stop - start, "hit", hot.cache_status)
        return Ready(
            206, "hit", hot.cache_status, head, start, stop, first.tally, first.watch, logged
        )

    def _first_byte(self, hot: HotObject, now: float) -> Ready | None:
        """The answer to a range of one byte, which shows what every range's answer is like."""
        asked = ("GET", _FIRST_BYTE)
        if asked not in hot.answers:
            first = hot.answers[asked] = self._render(hot, "GET", _FIRST_BYTE, now)
            hot.range_head = None if first is None else _around(first.head, hot.stored.size)
        return hot.answers[asked]

    def _forget(self, site: dict[bytes, HotObject], target: bytes) -> None:
        hot = site.pop(target)
        self._count -= 1
        self._own -= len(hot.body or b"")
        self._opened -= hot.resident is not None

    def _make_room(self, now: float) -> None:
        """Lets go of objects, first of what has not been asked for in this second."""
        for turn in range(2 * len(self._turns)):
            crowded = self._count >= MOST_HOT or self._opened >= MOST_OPEN
            if not crowded and self._own <= self._own_budget:
                break
            site, target, hot = self._turns.popleft()
            if site.get(target) is not hot:
                continue
            if hot.until > now and turn < len(self._turns):
                self._turns.append((site, target, hot))
            else:
                self._forget(site, target)

    def tidy(self) -> None:
        """Lets go of what nobody asks for any more."""
        now = self._clock.now()
        if 0 <= now - self._tidied_at < FORGOTTEN_AFTER:
            return
        self._tidied_at = now
        turns, self._turns = self._turns, deque()
        for site, target, hot in turns:
            if site.get(target) is not hot:
                continue
            if hot.until < now - FORGOTTEN_AFTER:
                self._forget(site, target)
            else:
                self._turns.append((site, target, hot))
        for host in [host for host, site in self._sites.items() if not site]:
            del self._sites[host]


def _around(head: bytes, size: int) -> tuple[bytes, bytes, bytes] | None:
    """The head of a range of one byte, less what tells which; None when it is no such head."""
    before, found, rest = head.partition(b"\r\nContent-Range: bytes 0-0/%d\r\n" % size)
    between, length, after = rest.rpartition(b"\r\nContent-Length: 1\r\n")
    if not found or not length:
        return None
    return (
        before + b"\r\nContent-Range: bytes ",
        b"/%d\r\n" % size + between + b"\r\nContent-Length: ",
        b"\r\n" + after,
    )
