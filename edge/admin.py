"""The operators' side of an edge: what it holds, and purging it."""

import ipaddress
from collections.abc import Iterable

import msgspec
from aiohttp import web

from common.clock import Clock
from common.errors import BadRequest, NearcastError
from common.messages import MessageInvalid, decode, encode
from common.service import CredentialSettings, Gatekeeper, Role
from edge.fill import FillAgent
from edge.policy.keys import KeyRules, normalised_host, read_target
from edge.policy.purging import Scope
from edge.store import Cache

LARGEST_REQUEST = 64 * 1024
"""Bytes of a request to purge."""


class AdminClosed(NearcastError):
    """Without credentials in the settings, this is only answered on a loopback address."""

    status = 403


class PurgeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to purge: exactly one of the first four."""

    url: str | None = None
    """One URL, or with a control plane the path of an object."""
    prefix: str | None = None
    """The beginning of URLs, or of paths."""
    tag: str | None = None
    """A surrogate key."""
    everything: bool = False
    soft: bool = False
    """Whether what is taken is made stale, to be validated, instead of being forgotten."""


class Admin:
    """Routes for operators."""

    def __init__(
        self,
        cache: Cache,
        agent: FillAgent | None,
        clock: Clock,
        rules: KeyRules,
        host: str | None,
        credentials: Iterable[CredentialSettings],
    ) -> None:
        """Answers on ``host``; on a Unix socket, or not at all, when that is None."""
        known = tuple(credentials)
        self._gatekeeper = Gatekeeper(known)
        self._open = not known and host is not None and _is_loopback(host)
        self._closed = not known and not self._open
        self._cache = cache
        self._agent = agent
        self._clock = clock
        self._rules = rules

    def add_routes(self, application: web.Application) -> None:
        """Adds them to ``application``."""
        application.router.add_get("/v1/holdings", self._holdings)
        application.router.add_post("/v1/purge", self._purge)

    def _admit(self, request: web.Request) -> None:
        if self._closed:
            raise AdminClosed
        if not self._open:
            self._gatekeeper.require(request, Role.OPERATOR, Role.CONTROL)

    async def _holdings(self, request: web.Request) -> web.Response:
        self._admit(request)
        if self._agent is None:
            raise BadRequest(detail="This edge has no control plane that says what to hold.")
        body = encode(self._agent.holdings())
        return web.Response(body=body, content_type="application/json")

    async def _purge(self, request: web.Request) -> web.Response:
        self._admit(request)
        body = await request.content.read(LARGEST_REQUEST + 1)
        if len(body) > LARGEST_REQUEST:
            raise BadRequest(detail="The request is too long.")
        try:
            asked = decode(body, PurgeRequest)
        except MessageInvalid as error:
            raise BadRequest(detail=str(error)) from error
        scope, value = self._meant(asked)
        purge = await self._cache.purges.add(scope, value, soft=asked.soft, now=self._clock.now())
        told = {
            "purge": purge.sequence,
            "scope": scope.value,
            "value": value,
            "soft": purge.soft,
        }
        return web.json_response(told)

    def _meant(self, asked: PurgeRequest) -> tuple[Scope, str]:
        given = [
            (scope, value)
            for scope, value in (
                (Scope.URL, asked.url),
                (Scope.PREFIX, asked.prefix),
                (Scope.TAG, asked.tag),
                (Scope.EVERYTHING, "" if asked.everything else None),
            )
            if value is not None
        ]
        if len(given) != 1:
            raise BadRequest(detail="Name exactly one of url, prefix, tag and everything.")
        scope, value = given[0]
        if scope is Scope.URL:
            return scope, self._key(value)
        if scope is Scope.PREFIX:
            return scope, value.removeprefix("/") if self._rules.objects_only else value
        return scope, value

    def _key(self, url: str) -> str:
        """The cache key of ``url``."""
        if self._rules.objects_only:
            return self._rules.target(url).removeprefix("/")
        scheme = url.partition("://")[0].lower()
        if scheme not in {"http", "https"}:
            raise BadRequest(detail="url has to begin with http:// or https://.")
        host, target = read_target(url, None)
        return self._rules.key(scheme, normalised_host(host, scheme), self._rules.target(target))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
