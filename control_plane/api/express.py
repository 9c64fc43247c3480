"""The express lane of ``/play``: answers a plain request with one look at its bytes.

aiohttp's request and response objects, its tasks and signals take several times what the decision
does. So a connection looks at what it gets before aiohttp's parser does: it answers a redirection
that ``control_plane.routing.plain`` recognises, and leaves everything else, and everything that is
no redirection in the end, to aiohttp with the bytes untouched. Both lanes answer alike.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import hdrs, web

from common.clock import Clock
from common.http.dates import format_http_date
from common.service import Connection
from control_plane.api.asking import DEPENDS, NOBODY_ELSES
from control_plane.api.floods import Floods
from control_plane.metrics import ControlMetrics
from control_plane.router import Router
from control_plane.routing.plain import (
    LONGEST,
    Head,
    is_whole,
    read_head,
    read_line,
    without_forwarded,
)

REMEMBERED: Final = 4096
"""Blocks of fields that are remembered, of up to 4 KiB, usually 0.4."""
_BEFORE: Final = "".join(
    f"{name}: {value}\r\n" for name, value in {**NOBODY_ELSES, **DEPENDS}.items()
)
_START: Final = f"HTTP/1.1 302 Found\r\n{_BEFORE}{hdrs.LOCATION}: "


class ExpressLane:
    """Answers plain requests; touches no disk and waits for nobody."""

    def __init__(
        self,
        router: Router,
        floods: Floods,
        clock: Clock,
        metrics: ControlMetrics,
        played: Callable[[str], None],
    ) -> None:
        """Answers as ``PlayApi.redirect`` does with the same parts; ``played`` is told the asset
        of each redirection."""
        self._router = router
        self._floods = floods
        self._now = clock.now
        self._done = metrics.routes.labels("redirected")
        self._played = played
        self._heads: dict[bytes, Head] = {}
        self._second = 0
        self._end = ""
        """What stands behind the URL of an answer in this second."""

    def answer(self, data: bytes, peer: str) -> bytes | None:
        """The answer to a plain request that came from ``peer``; None to leave it to aiohttp,
        nothing having been counted."""
        if len(data) > LONGEST:
            return None
        end = data.find(b"\r\n")
        asked = read_line(data, end) if end > 0 else None
        if asked is None:
            return None
        block, forwarded = without_forwarded(data[end:])
        head = self._heads.get(block) or self._read(block)
        if head is None:
            return None
        asset_id, query = asked
        try:
            router = self._router
            viewer = router.viewer_behind(peer, forwarded, head.fields, query, head.session)
            route = router.route(asset_id, viewer, 1)
            location = route.url(route.best, route.entry)
            if not (location.isascii() and location.isprintable()):
                return None
            self._floods.admit(viewer.address)
        except Exception:
            # aiohttp meets the same, and tells of it.
            return None
        router.sent(route)
        self._done.inc()
        self._played(asset_id)
        return f"{_START}{location}{self._ended()}".encode("ascii")

    def _read(self, block: bytes) -> Head | None:
        head = read_head(block)
        if head is not None:
            if len(self._heads) >= REMEMBERED:
                self._heads.clear()
            self._heads[block] = head
        return head

    def _ended(self) -> str:
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._end = (
                f"\r\n{hdrs.CONTENT_LENGTH}: 0\r\n{hdrs.DATE}: {format_http_date(second)}\r\n"
                f"{hdrs.SERVER}: nearcast\r\n{hdrs.ACCESS_CONTROL_ALLOW_ORIGIN}: *\r\n\r\n"
            )
        return self._end


class ExpressConnection(Connection):
    """A connection whose requests the express lane sees before aiohttp does."""

    __slots__ = ("_clean", "_lane", "_peer")

    def __init__(self, lane: ExpressLane, server: web.Server, **options: Any) -> None:
        """As aiohttp's, with ``lane`` before it."""
        super().__init__(server, **options)
        self._lane = lane
        self._peer = ""
        self._clean = False
        """Whether all that came so far ended where a request ends, whoever reads it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and peer:
            self._peer, self._clean = str(peer[0]), True

    def data_received(self, data: bytes) -> None:
        """Takes bytes."""
        if self._clean:
            waiter, transport = self._waiter, self.transport
            # aiohttp waits for a request: it has none, nor a part of one, and does not end.
            waits = waiter is not None and not waiter.done()
            if waits and transport is not None and not self._paused:
                answer = self._lane.answer(data, self._peer)
                if answer is not None:
                    transport.write(answer)
                    # Its timer runs since the connection began, and looks at this.
                    self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                    return
            self._clean = is_whole(data)
        super().data_received(data)
