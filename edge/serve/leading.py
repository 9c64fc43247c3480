"""The first viewer of a missing object, answered as its bytes arrive.

The request goes upstream as the viewer's comes, and the answer to the viewer as the response does,
without a task between; others who ask meanwhile wait for the same. What is not that easy is the
handler's, which goes on with the request that was sent.
"""

from collections.abc import Callable

from common.http import ByteRange
from common.http.cache_status import CacheStatus
from edge.fetch.begun import Begun
from edge.fetch.origins import PlainRequests
from edge.policy.answering import decide
from edge.policy.messages import Request
from edge.policy.stored import Stored
from edge.serve.crowd import Attendance
from edge.serve.ready import Means, Ready
from edge.workers import Siblings


class Leading:
    """Fetches what is missing for those who ask first."""

    def __init__(
        self,
        means: Means,
        *,
        watched: Callable[[str, Request], None],
        siblings: Siblings | None,
    ) -> None:
        """Fetches with ``means``, where a key is not another's of ``siblings``.

        Args:
            means: what answers rest on.
            watched: is told what was asked for.
            siblings: the other worker processes, where there are any.
        """
        self._means = means
        self._watched = watched
        self._siblings = siblings
        self._cache_status = str(CacheStatus(cache=means.name, fwd="uri-miss", stored=True))

    def begin(self, request: Request, plain: PlainRequests) -> Begun | None:
        """Asks upstream for what ``request``, a plain GET, asks for; None where the handler does.

        Args:
            request: what is asked.
            plain: what is remembered of requests with the same fields, host and scheme.
        """
        key = self._means.rules.key(request.scheme, request.host, request.target)
        siblings = self._siblings
        if siblings is not None and not siblings.is_own(self._means.cache.owner(key)):
            return None
        if self._means.cache.lookup(key):
            return None
        return Begun.of(self._means.fetches, request, key, plain)

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
        return self._means.ready(
            decided,
            ByteRange(0, stored.size if decided.parts else 0),
            age=stored.age_at(self._means.clock.now()) if stored.age >= 1 else None,
            result="miss",
            cache_status=self._cache_status,
        )
