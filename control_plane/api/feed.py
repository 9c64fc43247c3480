"""``/v1/feed``: a user's timeline, or everybody's, each entry with where this viewer gets it."""

from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from common.errors import CredentialExpired, CredentialUnknown
from common.messages import encode
from common.messages.feed import FeedView
from control_plane.api.asking import NOBODY_ELSES, SESSION
from control_plane.api.describing import described, up_to
from control_plane.api.paging import limit_of
from control_plane.feed.cursors import CursorInvalid, position_at
from control_plane.feed.feed import Feed
from control_plane.feed.mixing import Position
from control_plane.minting import SessionMissing
from control_plane.router import Router

FEED: Final = "/v1/feed"
USUAL: Final = 20
"""Entries of a page."""
MOST: Final = 100

WhoAsks = Callable[[web.Request], str | None]
"""The user that asks; None for nobody known. Raises for credentials that are not valid."""

_ANY_ORIGIN: Final = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
_PREFLIGHT: Final = {
    **_ANY_ORIGIN,
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization",
    hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
}


class FeedApi:
    """The handler of the feed.

    Pages of any site may read it with a token that they have. They get nothing by what a browser
    sends of itself: to a wildcard origin it shows no answer to a request with its own credentials
    (Fetch standard, "CORS protocol and credentials").
    """

    def __init__(self, feed: Feed, router: Router, who: WhoAsks) -> None:
        self._feed = feed
        self._router = router
        self._who = who

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are. GET answers HEAD too."""
        return [web.get(FEED, self.page), web.options(FEED, self.preflight)]

    @described(
        answer=FeedView,
        query={"limit": up_to(MOST), "cursor": str, **SESSION},
        refuses=[CredentialUnknown, CredentialExpired, CursorInvalid, SessionMissing],
    )
    async def page(self, request: web.Request) -> web.Response:
        """A page.

        Raises:
            BadRequest: a parameter is none that this takes.
            CursorInvalid: the cursor is none.
        """
        user_id = self._who(request)
        limit = limit_of(request, USUAL, MOST)
        told = request.query.get("cursor")
        start = position_at(told) if told is not None else Position()
        view = await self._feed.page(user_id, self._router.viewer(request), start, limit)
        return web.Response(
            body=encode(view), content_type="application/json", headers=NOBODY_ELSES
        )

    async def preflight(self, _: web.Request) -> web.Response:
        """What a browser asks before it sends another site's token."""
        return web.Response(status=204, headers=_PREFLIGHT)

    async def allow_any_origin(self, request: web.Request, response: web.StreamResponse) -> None:
        """Lets pages of any site read the answers, the failures included."""
        if request.path == FEED:
            response.headers.update(_ANY_ORIGIN)
