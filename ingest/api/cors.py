"""Lets pages of other origins use the API (Fetch standard, "CORS protocol").

Tokens travel in a field that a page sets itself, never in cookies: so that any origin may ask by
default gives nobody anything that the token does not.
"""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

PREFIX: Final = "/v1/"
ANY: Final = "*"

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ASKED: Final = (
    "Authorization, Content-Type, Last-Event-ID, Nearcast-Channel, Tus-Resumable, Upload-Length, "
    "Upload-Defer-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Concat, "
    "X-HTTP-Method-Override, X-Request-ID, X-Requested-With"
)
_SHOWN: Final = (
    "Location, Retry-After, WWW-Authenticate, Nearcast-Job, Tus-Resumable, Tus-Version, "
    "Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, "
    "Upload-Expires, Upload-Metadata, Upload-Concat"
)
_MAX_AGE: Final = "7200"
"""Seconds that a browser remembers an answer; none remembers it longer."""


class CrossOrigin:
    """Answers preflights, and names on every answer the origin that may read it."""

    def __init__(self, allowed: Sequence[str]) -> None:
        """``allowed`` are origins; ``*`` is any."""
        self._allowed = frozenset(allowed)

    def add_to(self, application: web.Application) -> None:
        """Sees to the answers of ``application``, refusals and streams too."""
        application.middlewares.insert(0, self._middleware())
        application.on_response_prepare.append(self._mark)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
            asked = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
            if request.method == "OPTIONS" and asked and self._concerns(request):
                return web.Response(
                    status=204,
                    headers={
                        hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
                        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _ASKED,
                        hdrs.ACCESS_CONTROL_MAX_AGE: _MAX_AGE,
                    },
                )
            return await handler(request)

        return answer_preflight

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        if not self._concerns(request):
            return
        origin = request.headers.get(hdrs.ORIGIN)
        if ANY in self._allowed:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = ANY
        else:
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
            if origin not in self._allowed:
                return
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin or ""
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _SHOWN

    @staticmethod
    def _concerns(request: web.Request) -> bool:
        return hdrs.ORIGIN in request.headers and request.path.startswith(PREFIX)
