"""A connection whose answer to what is no HTTP request tells strangers nothing."""

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from common import logs
from common.service.problems import PROBLEM_TYPE

_log = logs.get(__name__)


class Connection(RequestHandler):
    """aiohttp's, but for one answer: its own quotes what came, and names the library's version."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the client sent
    ) -> web.StreamResponse:
        """A problem document (RFC 9457), after which the connection ends.

        Raises:
            ConnectionError: an answer has begun: another would be taken for more of it.
        """
        if status >= 500:
            _log.error("request failed unexpectedly", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and is cut short")
        title = "Malformed request" if status == 400 else "Internal error"
        problem = {"type": "about:blank", "title": title, "status": status}
        response = web.Response(
            status=status,
            body=msgspec.json.encode(problem),
            content_type=PROBLEM_TYPE,
            headers={"Server": "nearcast", "Cache-Control": "no-store"},
        )
        response.force_close()
        return response
