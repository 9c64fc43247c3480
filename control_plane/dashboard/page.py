"""``GET /``: regions, edges, assets and jobs on one page, rendered here and played there."""

import re

import jinja2
from aiohttp import hdrs, web

from common.clock import Clock
from common.errors import CredentialMissing, CredentialUnknown
from common.service import Gatekeeper, Role
from control_plane.catalog import Asset
from control_plane.dashboard.files import Files
from control_plane.dashboard.jobs import IngestJobs, JobsNotRead
from control_plane.fleet import Fleet
from control_plane.views import asset_view, edge_view

SHOWN_ASSETS = 100
CHALLENGE = 'Basic realm="Nearcast: any name, and an operator\'s token as password"'


class Page:
    """The page and the part of it that refreshes itself."""

    def __init__(
        self,
        fleet: Fleet,
        jobs: IngestJobs | None,
        gatekeeper: Gatekeeper,
        clock: Clock,
        *,
        open_to_all: bool,
    ) -> None:
        self._fleet = fleet
        self._jobs = jobs
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._open_to_all = open_to_all
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("control_plane", "dashboard/templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["size"] = readable_size
        self._templates.filters["duration"] = readable_duration
        # Read now: rendering must not touch the disk later.
        self._whole = self._templates.get_template("page.html")
        self._parts = self._templates.get_template("parts.html")
        self._files = Files(clock)

    def routes(self) -> list[web.RouteDef]:
        """Where the page and its files are."""
        return [
            web.get("/", self.whole),
            web.get("/parts", self.parts),
            web.get("/static/{name:[a-z./]{1,64}}", self._files.answer),
        ]

    async def whole(self, request: web.Request) -> web.Response:
        """The page."""
        return await self._show(request, self._whole)

    async def parts(self, request: web.Request) -> web.Response:
        """What of the page changes."""
        return await self._show(request, self._parts)

    async def _show(self, request: web.Request, template: jinja2.Template) -> web.Response:
        if not self._open_to_all:
            try:
                self._gatekeeper.require(request, Role.OPERATOR)
            except (CredentialMissing, CredentialUnknown) as error:
                raise web.HTTPUnauthorized(
                    text=str(error), headers={hdrs.WWW_AUTHENTICATE: CHALLENGE}
                ) from error
        jobs, jobs_error = [], None
        if self._jobs is not None:
            try:
                jobs = await self._jobs.recent()
            except JobsNotRead as error:
                jobs_error = str(error)
        edges = [edge_view(self._fleet, record) for record in self._fleet.edges()]
        assets = list(self._fleet.assets())
        text = template.render(
            regions=[
                (region, [edge for edge in edges if edge.region == region.name])
                for region in self._fleet.rules.regions
            ],
            assets=[
                (asset_view(self._fleet, asset), self._poster(asset))
                for asset in assets[:SHOWN_ASSETS]
            ],
            asset_count=len(assets),
            jobs=jobs,
            jobs_error=jobs_error,
            away=self._fleet.away,
            has_player=self._files.has_player,
            now=self._clock.now(),
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

    def _poster(self, asset: Asset) -> str | None:
        """Where the asset's picture is: on an edge, as for viewers."""
        package = asset.current.announcement
        holders = [edge.url for edge in self._fleet.serving(package) if edge.holds]
        return f"{holders[0].rstrip('/')}/{package.poster}" if package.poster and holders else None

    def _security_policy(self) -> str:
        """Scripts and styles from here alone; media from the edges; the player's own worker."""
        origins = {origin_of(record.heartbeat.url) for record in self._fleet.edges()}
        edges = " ".join(sorted(origin for origin in origins if origin))
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {edges}; "
            f"connect-src 'self' {edges}; media-src blob: {edges}; worker-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def origin_of(url: str) -> str | None:
    """Scheme, host and port of an edge's URL; None when the host has characters that no host has,
    with which an edge could write rules of its own into the page's policy."""
    found = re.match(
        r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)", url
    )
    return found[0] if found else None


def readable_size(count: float) -> str:
    """A number of bytes for people, in decimal units, with a space that does not break."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 1000:
            break
        count /= 1000
        unit = larger
    digits = 0 if unit == "B" or count >= 100 else 1
    return f"{count:.{digits}f}\N{NO-BREAK SPACE}{unit}"


def readable_duration(seconds: float) -> str:
    """A duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
