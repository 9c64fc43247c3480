"""``GET /`` and ``GET /upload``: pages that are rendered here and do their work in the browser."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

import jinja2
from aiohttp import hdrs, web

from common.clock import Clock
from common.errors import (
    CredentialExpired,
    CredentialMissing,
    CredentialUnknown,
    NearcastError,
)
from common.messages import PurgeState, PurgeView, RemovalView
from common.service import Gatekeeper, Role
from control_plane.catalog import Asset
from control_plane.dashboard.files import Files
from control_plane.dashboard.fleet import shown_regions
from control_plane.dashboard.jobs import IngestJobs, JobsNotRead, ShownJobs, shown
from control_plane.dashboard.texts import (
    readable_duration,
    readable_passage,
    readable_size,
    readable_speed,
)
from control_plane.library import Library
from control_plane.metadata import Metadata
from control_plane.purge import PurgeDesk
from control_plane.removal.desk import Desk
from control_plane.router import Router
from control_plane.routing import Viewer
from control_plane.views import Views

SHOWN_ASSETS = 100
SHOWN_REMOVALS = 20
SHOWN_PURGES = 10
DONE_SHOWN_FOR = 3600.0
"""Seconds that a removal that is done stays on the page."""
LISTED_WITHIN = 1.0
"""Seconds that the page waits for lists from a database; it goes without them while that is away.
"""
MOST_ORIGINS = 24
"""Edges that the pages' policy names, three times each."""
CHALLENGE = 'Basic realm="Nearcast: any name, and an operator\'s token as password"'


Said = Callable[[Collection[str]], Awaitable[Mapping[str, Metadata]]]


class NoUploadPage(NearcastError):
    """There is no upload page: the control plane's setting `uploads_url` is not given."""

    status = 404


class Page:
    """The operators' page, the part of it that refreshes itself, and the page that uploads."""

    def __init__(
        self,
        library: Library,
        views: Views,
        router: Router,
        said: Said,
        away: Callable[[], dict[str, str]],
        purges: PurgeDesk,
        desk: Desk,
        jobs: IngestJobs | None,
        gatekeeper: Gatekeeper,
        clock: Clock,
        *,
        uploads_url: str | None,
        open_to_all: bool,
    ) -> None:
        """``uploads_url`` is where browsers reach ingest; ``away`` tells what is away, and why;
        ``said`` tells what people say of assets, as far as that is known now."""
        self._library = library
        self._views = views
        self._router = router
        self._fleet = views.fleet
        self._said = said
        self._away = away
        self._purges = purges
        self._desk = desk
        self._jobs = jobs
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._uploads_url = uploads_url.rstrip("/") if uploads_url is not None else None
        self._open_to_all = open_to_all
        templates = environment()
        self._whole = templates.get_template("page.html")
        self._parts = templates.get_template("parts.html")
        self._upload = templates.get_template("upload.html")
        self._files = Files(clock)

    def routes(self) -> list[web.RouteDef]:
        """Where the pages and their files are."""
        return [
            web.get("/", self.whole),
            web.get("/parts", self.parts),
            web.get("/upload", self.upload),
            web.get("/static/{name:[a-z./]{1,64}}", self._files.answer),
        ]

    async def whole(self, request: web.Request) -> web.Response:
        """The operators' page."""
        return await self._show(request, self._whole)

    async def parts(self, request: web.Request) -> web.Response:
        """What of the operators' page changes."""
        return await self._show(request, self._parts)

    async def upload(self, _: web.Request) -> web.Response:
        """The page that uploads. Everybody may see it: it tells nothing, and ingest asks for a
        token.

        Raises:
            NoUploadPage: nobody said where browsers reach ingest.
        """
        if self._uploads_url is None:
            raise NoUploadPage
        return self._answer(self._upload, has_uploader=self._files.has_uploader)

    async def _show(self, request: web.Request, template: jinja2.Template) -> web.Response:
        if not self._open_to_all:
            try:
                self._gatekeeper.require(request, Role.OPERATOR)
            except (CredentialMissing, CredentialUnknown, CredentialExpired) as error:
                raise web.HTTPUnauthorized(
                    text=str(error), headers={hdrs.WWW_AUTHENTICATE: CHALLENGE}
                ) from error
        jobs, jobs_error = ShownJobs(), None
        if self._jobs is not None:
            try:
                jobs = shown(await self._jobs.recent())
            except JobsNotRead as error:
                jobs_error = str(error)
        purges, removals = await asyncio.gather(self._latest_purges(), self._removals())
        edges = [self._views.edge(record) for record in self._fleet.edges()]
        assets = self._library.history.newest(SHOWN_ASSETS)
        said = await self._said([asset.asset_id for asset in assets])
        viewer = self._router.viewer(request)
        return self._answer(
            template,
            regions=shown_regions(self._fleet.rules.regions, edges),
            assets=[
                (self._views.asset(asset, said.get(asset.asset_id)), *self._pictures(asset, viewer))
                for asset in assets
            ],
            asset_count=len(self._library.history.assets),
            purges=purges,
            removals=removals,
            jobs=jobs,
            jobs_error=jobs_error,
            away=self._away(),
            now=self._clock.now(),
        )

    async def _latest_purges(self) -> list[PurgeView]:
        """Those that are not done, and those of lately; the newest first."""
        since = self._clock.now() - DONE_SHOWN_FOR
        with contextlib.suppress(NearcastError, TimeoutError):
            async with asyncio.timeout(LISTED_WITHIN):
                return [
                    purge
                    for purge in await self._purges.latest(limit=SHOWN_PURGES)
                    if purge.state is not PurgeState.DONE or purge.created_at > since
                ]
        return []

    async def _removals(self) -> list[RemovalView]:
        """Those that are not done, and those that were done lately; the newest first."""
        found = {removal.removal_id: removal for removal in self._library.removals[:SHOWN_REMOVALS]}
        since = self._clock.now() - DONE_SHOWN_FOR
        # Without the catalog's database, those that are not done are known all the same.
        with contextlib.suppress(NearcastError, TimeoutError):
            async with asyncio.timeout(LISTED_WITHIN):
                for removal in await self._desk.recent(limit=SHOWN_REMOVALS):
                    if removal.done_at is None or removal.done_at > since:
                        found[removal.removal_id] = removal
        newest = sorted(found.values(), key=lambda removal: removal.at, reverse=True)
        return [self._desk.view(removal) for removal in newest]

    def _answer(self, template: jinja2.Template, **values: Any) -> web.Response:
        text = template.render(
            uploads_url=self._uploads_url, has_player=self._files.has_player, **values
        )
        return web.Response(
            text=text,
            content_type="text/html",
            headers={
                hdrs.CACHE_CONTROL: "no-store",
                "Content-Security-Policy": self._security_policy(),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
            },
        )

    def _pictures(self, asset: Asset, viewer: Viewer) -> tuple[str | None, str | None]:
        """Where the asset's picture and its moving one are: on an edge, as for viewers."""
        package = asset.current.announcement
        try:
            route = self._router.route(asset.asset_id, viewer)
            poster, preview = (
                route.url(route.best, key) for key in (package.poster, package.preview)
            )
        except NearcastError:
            return None, None
        return (poster, preview) if route.best.holds else (None, None)

    def _security_policy(self) -> str:
        """Scripts and styles from here alone; pictures and media from the edges, and those that
        scripts have read: the files that are to be uploaded, and held videos' pictures; calls to
        the edges and to ingest; the player's own worker."""
        edges = sources_of(record.heartbeat.url for record in self._fleet.edges())
        ingest = origin_of(self._uploads_url) if self._uploads_url is not None else None
        called = " ".join(filter(None, ("'self'", ingest, edges)))
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self' blob: {edges}; connect-src {called}; "
            f"media-src blob: {edges}; worker-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def environment() -> jinja2.Environment:
    """The pages' templates, all of them read: not for the event loop."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("control_plane", "dashboard/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters["size"] = readable_size
    templates.filters["duration"] = readable_duration
    templates.filters["passage"] = readable_passage
    templates.filters["speed"] = readable_speed
    # Those that others include, too: rendering must not touch the disk later.
    for name in templates.list_templates():
        templates.get_template(name)
    return templates


def sources_of(urls: Iterable[str]) -> str:
    """Where edges are, as a policy names it: each, or of very many only how they are reached, as
    servers in between take heads of some kilobytes."""
    origins = {origin for url in urls if (origin := origin_of(url))}
    if len(origins) > MOST_ORIGINS:
        origins = {f"{origin.partition(':')[0]}:" for origin in origins}
    return " ".join(sorted(origins))


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL; None when the host has characters that no host has, with
    which an edge could write rules of its own into the pages' policy."""
    found = re.match(
        r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)", url
    )
    return found[0] if found else None
