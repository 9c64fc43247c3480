"""The first viewer of a missing object, answered as its bytes arrive.

The request goes upstream as the viewer's comes, and the answer to the viewer as the response does,
without a task between; others who ask meanwhile wait for the same. What is not that easy is the
handler's, which goes on with the request that was sent.
"""

from collections.abc import Callable

from common.http import ByteRange
from common.http.cache_status import CacheStatus
from common.http.fields import Fields
from edge.fetch.begun import Begun
from edge.fetch.origins import PlainRequests
from edge.policy.alike import Head, pattern_of
from edge.policy.answering import decide
from edge.policy.heads import render_head
from edge.policy.messages import Request
from edge.policy.plain_responses import MOST_SHAPES, PlainResponse, Shape
from edge.policy.stored import Stored
from edge.serve.crowd import Attendance
from edge.serve.ready import Means, Ready
from edge.workers import Siblings

_PLAIN = Request("GET", "http", "any", "/", Fields())


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
        self._heads: dict[Shape, Head | None] = {}
        """None where each has to be rendered."""

    def begin(self, request: Request, key: str, plain: PlainRequests) -> Begun | None:
        """Asks upstream for what ``request``, a plain GET, asks for; None where the handler does.

        Args:
            request: what is asked.
            key: its cache key, under which nothing is stored, on its way or asked for.
            plain: what is remembered of requests with the same fields, host and scheme.
        """
        siblings = self._siblings
        if siblings is not None and not siblings.is_own(self._means.cache.owner(key)):
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
        found, stored, content = taken
        request = begun.request
        ready = self._ready(begun.key, request, found, stored)
        if not attendance.ended:
            attendance.answer(ready, content)
        if ready.status == 200:
            self._watched(begun.key, request)

    def _ready(self, key: str, request: Request, found: PlainResponse, stored: Stored) -> Ready:
        head = self._head_of(found.shape) if stored.age < 1 else None
        if head is not None:
            span = ByteRange(0, found.length)
            return self._means.with_head(
                key, found.status, head.render(found), span, "miss", self._cache_status
            )
        decided = decide(request, stored, stored.size)
        return self._means.ready(
            key,
            decided,
            ByteRange(0, stored.size if decided.parts else 0),
            age=stored.age_at(self._means.clock.now()) if stored.age >= 1 else None,
            result="miss",
            cache_status=self._cache_status,
        )

    def _head_of(self, shape: Shape) -> Head | None:
        """The head of the answers that come of responses of ``shape``, if they have one."""
        if shape not in self._heads:
            if len(self._heads) >= MOST_SHAPES:
                self._heads.clear()
            self._heads[shape] = self._new_head(shape)
        return self._heads[shape]

    def _new_head(self, shape: Shape) -> Head | None:
        pattern = pattern_of(shape)
        if pattern is None:
            return None
        decided = decide(_PLAIN, pattern.stored, 1)
        fields = self._means.sender.told_of(decided, None, self._cache_status)
        return Head(render_head(decided.status, decided.reason, fields), shape)
