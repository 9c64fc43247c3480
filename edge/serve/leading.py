"""The first viewer of a missing object, answered as its bytes arrive.

The request goes upstream as the viewer's comes, and the answer to the viewer as the response does,
without a task between; others who ask meanwhile wait for the same. What is not that easy is the
handler's, which goes on with the request that was sent.
"""

from collections.abc import Callable

from common.clock import Clock
from common.http.cache_status import CacheStatus
from edge.fetch.begun import Begun
from edge.fetch.fetches import Fetches
from edge.fetch.origins import PlainRequests
from edge.policy.access_line import LineFormat
from edge.policy.answering import decide
from edge.policy.heads import framed, render_head
from edge.policy.keys import KeyRules
from edge.policy.messages import Request
from edge.policy.stored import Stored
from edge.serve.counters import Counters
from edge.serve.crowd import Attendance
from edge.serve.hot import Ready
from edge.serve.sending import Sender
from edge.store import Cache
from edge.workers import Siblings


class Leading:
    """Fetches what is missing for those who ask first."""

    def __init__(
        self,
        cache: Cache,
        fetches: Fetches,
        clock: Clock,
        rules: KeyRules,
        sender: Sender,
        counters: Counters,
        *,
        name: str,
        lines: LineFormat | None,
        watched: Callable[[str, Request], None],
        siblings: Siblings | None,
    ) -> None:
        """Fetches with ``fetches``, where a key is not another's of ``siblings``.

        The rest is as in ``HotObjects``.
        """
        self._cache = cache
        self._fetches = fetches
        self._clock = clock
        self._rules = rules
        self._sender = sender
        self._counters = counters
        self._name = name
        self._lines = lines
        self._watched = watched
        self._siblings = siblings
        self._cache_status = str(CacheStatus(cache=name, fwd="uri-miss", stored=True))

    def begin(self, request: Request, plain: PlainRequests) -> Begun | None:
        """Asks upstream for what ``request``, a plain GET, asks for; None where the handler does.

        Args:
            request: what is asked.
            plain: what is remembered of requests with the same fields, host and scheme.
        """
        key = self._rules.key(request.scheme, request.host, request.target)
        siblings = self._siblings
        if siblings is not None and not siblings.is_own(self._cache.owner(key)):
            return None
        if self._cache.lookup(key):
            return None
        return Begun.of(self._fetches, request, key, plain)

    def serve(self, begun: Begun, attendance: Attendance) -> None:
        """Answers with what comes of ``begun``."""
        begun.then(lambda: self._answer(begun, attendance))

    def _answer(self, begun: Begun, attendance: Attendance) -> None:
        taken = begun.take()
        if taken is None:
            attendance.pass_on(begun)
            return
        arriving, content = taken
        request = begun.request
        ready = self._ready(request, arriving.stored)
        if not attendance.ended:
            attendance.answer(ready, content)
        if ready.status == 200:
            self._watched(begun.key, request)

    def _ready(self, request: Request, stored: Stored) -> Ready:
        decided = decide(request, stored, stored.size)
        age = stored.age_at(self._clock.now()) if stored.age >= 1 else None
        fields = self._sender.told_of(decided, age, self._cache_status)
        size = stored.size if decided.parts else 0
        logged = ""
        if self._lines is not None:
            logged = self._lines.answered(decided.status, size, "miss", self._cache_status)
        return Ready(
            decided.status,
            "miss",
            self._cache_status,
            render_head(decided.status, decided.reason, framed(fields, decided.length)),
            0,
            size,
            self._counters.tally(decided.status, "miss"),
            logged,
        )
