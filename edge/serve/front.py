"""From a connection's request to its response, whatever happens: checked, answered, counted."""

import asyncio
import functools
from collections.abc import Callable
from typing import ClassVar

import msgspec
from aiohttp import web

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.http.cache_status import CacheStatus
from common.http.fields import Fields, Pairs
from edge.policy.forwarding import is_of_edge, went_through
from edge.policy.keys import KeyRules
from edge.policy.limits import RequestRate, client_group, plain_address
from edge.serve.counters import REFUSED, Counters
from edge.serve.errors import ContentSlow, NotCached
from edge.serve.handler import Viewers
from edge.serve.protocol import ViewerHandler
from edge.serve.reply import Reply
from edge.serve.requests import Visit, read_visit
from edge.serve.tokens import Tokens

PREFLIGHT: Pairs = (
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        (
            "Range, If-Range, If-None-Match, If-Modified-Since, "
            "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status"
        ),
    ),
    ("Access-Control-Max-Age", "86400"),
)
ALLOWED = "GET, HEAD, OPTIONS"

_log = logs.get(__name__)


class MethodUnknown(NearcastError):
    """Objects are read with GET and HEAD; nothing else is done with them here."""

    status = 405


class TooManyRequests(NearcastError):
    """This client asks more often than it may; it may try again in a second."""

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class LoopDetected(NearcastError):
    """The request came through this edge before: its origin leads back to it."""

    status = 508


ASKED_FOR = (NotCached, LoopDetected)
"""What requests have to blame themselves for: else anybody could have an edge taken for broken."""


class Front:
    """Answers every request of a listener."""

    def __init__(
        self,
        viewers: Viewers,
        counters: Counters,
        clock: Clock,
        rules: KeyRules,
        *,
        name: str,
        added: Pairs = (),
        noted: Callable[[Visit, float, float], None] | None = None,
        answered: Callable[[Visit], None],
        tokens: Tokens | None = None,
        rate: RequestRate | None = None,
    ) -> None:
        """Answers with ``viewers``.

        Args:
            viewers: what answers.
            counters: what counts.
            clock: the time.
            rules: what is in a key.
            name: this cache's name in Cache-Status and Via.
            added: fields that every response gets, in place of the origin's.
            noted: is told of every answer, with the time at which it began and its seconds.
            answered: is told of every answer to a viewer that is no refusal.
            tokens: checks the tokens in viewers' paths, where they are asked for.
            rate: how many requests a client may make, where that is limited.
        """
        self._viewers = viewers
        self._counters = counters
        self._clock = clock
        self._rules = rules
        self._name = name
        self._added = added
        self._noted = noted
        self._answered = answered
        self._tokens = tokens
        self._rate = rate

    async def handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        """Answers a viewer."""
        secure = raw.transport is not None and raw.transport.get_extra_info("sslcontext")
        scheme = "https" if secure else "http"
        return await self._handle(raw, scheme, plain_address(raw.remote or ""), internal=False)

    async def handle_internal(self, raw: web.BaseRequest) -> web.StreamResponse:
        """Answers another worker process, on behalf of its viewer."""
        scheme = raw.headers.get("Nearcast-Scheme", "http")
        return await self._handle(
            raw, scheme, raw.headers.get("Nearcast-Client", ""), internal=True
        )

    async def _handle(
        self, raw: web.BaseRequest, scheme: str, client: str, *, internal: bool
    ) -> web.StreamResponse:
        began, started = self._clock.now(), self._clock.monotonic()
        self._counters.active += 1
        visit: Visit | None = None
        begun = raw.protocol.take_begun() if isinstance(raw.protocol, ViewerHandler) else None
        try:
            opened = None
            if not internal:
                self._admit(client, started, counted=begun is not None)
                opened = self._opener(raw, client, began)
            visit = read_visit(
                raw, self._rules, scheme=scheme, client=client, internal=internal, opened=opened
            )
            visit.begun = begun
            reply = await self._answer(visit)
            self._answered(visit)
            return reply
        except NearcastError as error:
            return await self._refuse(raw, visit, error)
        except (ConnectionError, TimeoutError):
            return _gone()
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("request failed unexpectedly", path=raw.raw_path[:200])
            return await self._refuse(raw, visit, NearcastError())
        finally:
            self._counters.active -= 1
            if begun is not None:
                begun.leave()
            if visit is not None and not internal:
                seconds = self._clock.monotonic() - started
                self._counters.count(visit.status, visit.result, visit.sent, seconds)
                if visit.status < 400 and not is_of_edge(visit.request.fields):
                    self._counters.watches.of(visit.key).note(visit.sent)
                    if self._rules.objects_only:
                        told, fields = raw.raw_path, visit.request.fields
                        self._counters.words.hear_parsed(client_group(client), told, fields)
                if self._noted is not None:
                    self._noted(visit, began, seconds)

    def _admit(self, client: str, moment: float, *, counted: bool) -> None:
        """Counts a request, which may be ``counted`` already.

        Raises:
            TooManyRequests: ``client`` may not ask now.
        """
        rate = None if counted else self._rate
        if rate is not None and not rate.admits(client_group(client), moment):
            raise TooManyRequests

    def _opener(self, raw: web.BaseRequest, client: str, now: float) -> Callable[[str], str] | None:
        """What takes the token out of a target, where tokens are asked for: not of preflights,
        which browsers send without what tells a session, and whose answer is always the same."""
        preflight = self._rules.objects_only and raw.method == "OPTIONS"
        if self._tokens is None or preflight:
            return None
        session = ", ".join(raw.headers.getall("CMCD-Session", ()))
        return functools.partial(self._tokens.opened, client=client, now=now, session=session)

    async def _answer(self, visit: Visit) -> web.StreamResponse:
        if went_through(visit.request.fields, self._name):
            raise LoopDetected
        if self._rules.objects_only and visit.request.method not in {"GET", "HEAD"}:
            if visit.request.method != "OPTIONS":
                raise MethodUnknown
            return await self._short(visit.raw, visit, 204, "No Content", PREFLIGHT, b"")
        if visit.request.fields.get("max-forwards") == "0":
            if visit.request.method == "OPTIONS":
                # RFC 9110 §7.6.2: it goes no further than here.
                return await self._short(visit.raw, visit, 204, "No Content", (), b"")
            if visit.request.method == "TRACE":
                raise MethodUnknown
        return await self._viewers.answer(visit)

    async def _refuse(
        self, raw: web.BaseRequest, visit: Visit | None, error: NearcastError
    ) -> web.StreamResponse:
        if visit is not None and isinstance(error, ASKED_FOR):
            visit.result = REFUSED
        # To hold nothing is no failure: whoever asks so has others to ask.
        if error.status >= 500 and not isinstance(error, NotCached):
            _log.warning("request failed", path=raw.raw_path[:200], error=str(error))
        fields: list[tuple[str, str]] = [
            ("Content-Type", "application/problem+json"),
            ("Cache-Control", "no-store"),
            *error.headers.items(),
        ]
        if isinstance(error, MethodUnknown):
            fields.append(("Allow", ALLOWED))
        code = "".join(part.title() for part in error.code.split("-"))
        fields.append(("Cache-Status", str(CacheStatus(cache=self._name, detail=code))))
        body = msgspec.json.encode(error.problem())
        try:
            reply = await self._short(raw, visit, error.status, "", tuple(fields), body)
        except (ConnectionError, TimeoutError):
            return _gone()
        if error.headers.get("Connection") == "close":
            reply.force_close()
        transport = raw.transport if isinstance(error, ContentSlow) else None
        if transport is not None and transport.can_write_eof():
            # Closing at once could cost the viewer the answer; aiohttp reads on for a while.
            transport.write_eof()
        return reply

    async def _short(
        self,
        raw: web.BaseRequest,
        visit: Visit | None,
        status: int,
        reason: str,
        fields: Pairs,
        body: bytes,
    ) -> Reply:
        """An answer of the edge's own."""
        bare = raw.method == "HEAD" or status == 204
        reply = Reply(
            status,
            reason or web.Response(status=status).reason or "",
            (*Fields(fields).without(("connection",)).pairs, *self._added),
            length=None if status == 204 else len(body),
            bare=bare,
        )
        if any(name == "Connection" for name, _ in fields):
            reply.force_close()
        if visit is not None:
            visit.status, visit.result = status, visit.result
        await reply.prepare(raw)
        if not bare:
            await reply.send(body)
        await reply.write_eof()
        return reply


def _gone() -> Reply:
    """In place of an answer to a viewer who is gone."""
    reply = Reply(499, "", (), length=0)
    reply.abandon()
    return reply
