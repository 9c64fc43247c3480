"""What browsers ask before a page of another site sends fields of its own (Fetch standard, "CORS
preflight"): players that tell CMCD in fields, and not in the query, do."""

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from common.http.cmcd import FIELDS
from control_plane.api.asking import ASSET

_ALLOWED: Final[Mapping[str, str]] = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, HEAD, OPTIONS",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(FIELDS),
    hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
}


def preflight_routes() -> list[web.RouteDef]:
    """Where players ask, be there such an asset or not."""
    paths = (f"/play/{ASSET}", f"/play/{ASSET}.json", f"/steer/{ASSET}")
    return [web.options(path, _preflight) for path in paths]


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=_ALLOWED)
