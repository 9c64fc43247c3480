"""Puts a page of the feed together: what stands there, what people say of it, and where this viewer
gets it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from common.errors import NearcastError
from common.messages.feed import FeedEntry, FeedView
from control_plane.feed.cursors import position_cursor
from control_plane.feed.mixing import Position, mixed
from control_plane.feed.popular import Popular
from control_plane.feed.timelines import Entry, Timelines
from control_plane.metadata.reading import MetadataReader
from control_plane.metadata.records import Metadata
from control_plane.policies import RouteBypassed
from control_plane.router import Router
from control_plane.routing import Bypass, Route, Viewer

Follows = Callable[[str], Awaitable[tuple[str, ...]]]
"""Tells which channels a user follows."""

FOLLOWS_WITHIN: Final = 0.25
"""Seconds that the database of users is waited for."""
MOST_FOLLOWED: Final = 5000
"""Channels that count; of those who follow more, the first."""
LEFT_OUT_AT_MOST: Final = 200
"""Assets that nobody can serve this viewer, or that it may not watch, before a page ends."""
SHORT: Final = 300
"""Characters of a description."""


class Feed:
    """Answers for one page. It waits for the databases of users and of metadata, and for neither of
    them for long: without the first it is everybody's feed, without the second it has the titles
    that were announced."""

    def __init__(
        self,
        timelines: Timelines,
        popular: Popular,
        metadata: MetadataReader,
        router: Router,
        follows: Follows,
    ) -> None:
        self._timelines = timelines
        self._popular = popular
        self._metadata = metadata
        self._router = router
        self._follows = follows

    async def page(
        self, user_id: str | None, viewer: Viewer, start: Position, limit: int
    ) -> FeedView:
        """Up to ``limit`` entries from ``start`` on, for a user, or for somebody unknown."""
        follows = await self._followed(user_id) if user_id is not None else ()
        routes, position = self._routed(follows, viewer, start, limit)
        said = await self._metadata.shown([entry.asset_id for entry, _ in routes])
        entries = tuple(
            _entry(entry, route, said.get(entry.asset_id) or Metadata(asset_id=entry.asset_id))
            for entry, route in routes
        )
        return FeedView(entries, position_cursor(position) if position is not None else None)

    async def _followed(self, user_id: str) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(FOLLOWS_WITHIN):
                return (await self._follows(user_id))[:MOST_FOLLOWED]
        except (NearcastError, TimeoutError):
            return ()

    def _routed(
        self, follows: tuple[str, ...], viewer: Viewer, start: Position, limit: int
    ) -> tuple[list[tuple[Entry, Route | Bypass]], Position | None]:
        """What this viewer can watch, and where the next page begins; None when there is none."""
        before = start.before
        known = self._timelines
        theirs = known.publishing(follows)
        timeline = known.of(theirs, before) if theirs else known.newest(before)
        entries = (known.entry(name) for name in self._popular.names)
        popular = [entry for entry in entries if entry is not None]
        routes: list[tuple[Entry, Route | Bypass]] = []
        left_out, after = 0, start
        for entry, position in mixed(timeline, popular, theirs or None, start):
            if len(routes) == limit or left_out == LEFT_OUT_AT_MOST:
                return routes, after
            try:
                routes.append((entry, self._router.route(entry.asset_id, viewer)))
            except RouteBypassed as error:
                routes.append((entry, error.bypass))
            except NearcastError:
                left_out += 1
            after = position
        return routes, None


def _entry(entry: Entry, route: Route | Bypass, said: Metadata) -> FeedEntry:
    package = route.package
    return FeedEntry(
        asset_id=entry.asset_id,
        title=said.title if said.title is not None else package.title,
        description=shortened(said.description),
        duration=package.duration,
        channel=entry.creator or None,
        published_at=entry.first_at,
        tags=said.tags,
        plays=said.plays,
        poster=_url(route, package.poster),
        preview=_url(route, package.preview),
        play=route.play,
    )


def _url(route: Route | Bypass, key: str | None) -> str | None:
    return route.url(key) if isinstance(route, Bypass) else route.url(route.best, key)


def shortened(text: str) -> str:
    """``text``, or its beginning and an ellipsis."""
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"
