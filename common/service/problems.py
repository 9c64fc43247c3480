"""Every failed request is answered with a problem document (RFC 9457)."""

import errno

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from common import logs
from common.errors import BadRequest, NearcastError, StorageFull

PROBLEM_TYPE = "application/problem+json"

KEPT = {"Allow", "Retry-After", "WWW-Authenticate"}
"""Fields of aiohttp's own refusals that mean something to the client."""

_log = logs.get(__name__)


def problem_response(error: NearcastError) -> web.Response:
    """The answer that tells ``error``."""
    return web.Response(
        status=error.status,
        body=msgspec.json.encode(error.problem()),
        content_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **error.headers},
    )


@web.middleware
async def problem_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns errors that a handler raises into problem documents."""
    try:
        return await handler(request)
    except Exception as error:
        if request.writer.output_size > 0:
            # A second answer would be taken for more of the first: aiohttp ends the connection.
            raise
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise
        return _problem_of(request, error)


def _problem_of(request: web.Request, error: Exception) -> web.Response:
    if isinstance(error, NearcastError):
        if error.status >= 500:
            _log.warning("request failed", path=request.path, error=str(error))
        return problem_response(error)
    if isinstance(error, web.HTTPException):
        return _http_problem(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return problem_response(StorageFull(where="this server's storage"))
    return _unexpected(request)


def _unexpected(request: web.Request) -> web.Response:
    _log.exception("request failed unexpectedly", path=request.path, method=request.method)
    return problem_response(NearcastError())


def _http_problem(error: web.HTTPException) -> web.Response:
    response = problem_response(BadRequest(detail=error.text or error.reason))
    body = {
        "type": "about:blank",
        "title": error.reason,
        "status": error.status,
        "detail": error.text or error.reason,
    }
    kept = {name: value for name, value in error.headers.items() if name in KEPT}
    response.headers.update(kept)
    response.set_status(error.status)
    response.body = msgspec.json.encode(body)
    return response
