"""Tokens that the settings do not have: looked up elsewhere, and remembered for seconds.

So that a token that was taken back is worth nothing within seconds, and that whoever sends any
number of invented ones reaches nobody but this: they are told from real ones by their form first,
remembered within bounds, and looked up a few at a time. Who was known before waits behind none of
them.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from common.clock import Clock
from common.errors import CredentialUnknown, NearcastError
from common.service.credentials import (
    FOUND,
    Credential,
    Found,
    Gatekeeper,
    digest_of_token,
    token_of,
)

ACCOUNT_MARK: Final = "nca_"
"""How an account's token begins, so that one that leaked is recognised, by programs too."""
TOKEN_PATTERN: Final = re.compile(rf"{ACCOUNT_MARK}[A-Za-z0-9_-]{{43}}\Z")

KNOWN_FOR: Final = 10.0
"""Seconds after which a known token is looked up again."""
UNKNOWN_FOR: Final = 5.0
"""Seconds for which a token that is none is remembered as such."""
MOST_KNOWN: Final = 50_000
MOST_UNKNOWN: Final = 10_000
AT_ONCE: Final = 8
"""Lookups at the same time, of tokens that were known before and as many of others."""
MOST_WAITING: Final = 256
"""Requests that wait for a lookup of either kind."""

Find = Callable[[bytes], Awaitable[Credential | None]]
"""Whose token has that SHA-256; None when it is nobody's. It may raise a NearcastError."""
ActAs = Callable[[web.Request, Credential], Credential]
"""As whom a request acts with a credential. It may raise a NearcastError."""


class LookupsBusy(NearcastError):
    """Too many tokens are being looked up: try again."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class _Lane:
    """A bounded number of lookups at once, and of those who wait for one."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def run(self, find: Find, digest: bytes) -> Credential | None:
        if self._waiting >= MOST_WAITING:
            raise LookupsBusy
        self._waiting += 1
        try:
            async with self._turns:
                return await find(digest)
        finally:
            self._waiting -= 1


class TokenLookups:
    """Finds out whose the tokens are that requests present."""

    def __init__(self, find: Find, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Credential]] = OrderedDict()
        """By digest: until when each is believed, monotonic seconds, and whose it is."""
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._flights: dict[bytes, asyncio.Task[Credential | None]] = {}
        self._again, self._first = _Lane(), _Lane()
        self._forgotten = 0

    async def whose(self, digest: bytes) -> Credential | None:
        """Whose token has the SHA-256 ``digest``; None when it is nobody's.

        Raises:
            LookupsBusy: too many others ask.
            NearcastError: it cannot be found out now.
        """
        now = self._clock.monotonic()
        until, credential = self._known.get(digest, (0.0, None))
        if credential is not None and now < until:
            self._known.move_to_end(digest)
            return credential
        if now < self._unknown.get(digest, 0.0):
            return None
        flight = self._flights.get(digest)
        if flight is None:
            lane = self._first if credential is None else self._again
            flight = asyncio.create_task(self._look(lane, digest))
            self._flights[digest] = flight
            flight.add_done_callback(lambda done: self._landed(digest, done))
        return await asyncio.shield(flight)

    async def _look(self, lane: _Lane, digest: bytes) -> Credential | None:
        changes = self._forgotten
        credential = await lane.run(self._find, digest)
        now = self._clock.monotonic()
        if changes != self._forgotten:
            return credential
        if credential is None:
            self._known.pop(digest, None)
            self._unknown[digest] = now + UNKNOWN_FOR
            _trim(self._unknown, MOST_UNKNOWN)
        else:
            self._known[digest] = (now + KNOWN_FOR, credential)
            self._known.move_to_end(digest)
            _trim(self._known, MOST_KNOWN)
        return credential

    def _landed(self, digest: bytes, flight: asyncio.Task[Credential | None]) -> None:
        self._flights.pop(digest, None)
        if not flight.cancelled():
            # Whoever waited has heard of it; when all have gone away, nobody has to.
            flight.exception()

    def forget(self, user_id: str) -> None:
        """Has the tokens of a user looked up anew: something of them has changed."""
        self._forgotten += 1
        # Whose those are, if anybody's, is not known.
        self._unknown.clear()
        for digest, (_, credential) in list(self._known.items()):
            if credential.user_id == user_id:
                self._known[digest] = (0.0, credential)

    async def close(self) -> None:
        """Ends the lookups that are under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


class Identifying:
    """Has a gatekeeper know those, too, who present a token that the settings do not have."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        lookups: TokenLookups,
        *,
        act_as: ActAs = lambda _, found: found,
    ) -> None:
        self._gatekeeper = gatekeeper
        self._lookups = lookups
        self._act_as = act_as

    def middleware(self) -> Middleware:
        """Looks up who asks, unless that is for players, who wait for nobody."""

        @web.middleware
        async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
            await self.look_up(request)
            return await handler(request)

        return identify

    async def look_up(self, request: web.Request) -> None:
        """Finds out who presents a token, for ``Gatekeeper.identify`` to tell."""
        if hdrs.AUTHORIZATION not in request.headers or _is_open(request.path):
            return
        try:
            token = token_of(request)
            if token is None or not TOKEN_PATTERN.match(token):
                return
            digest = digest_of_token(token)
            if self._gatekeeper.knows(digest):
                return
            found = await self._lookups.whose(digest)
            if found is not None:
                request[FOUND] = Found(self._act_as(request, found))
        except CredentialUnknown:
            return
        except NearcastError as error:
            # Told to those alone who need to know whose it is.
            request[FOUND] = Found(None, error)


def _is_open(path: str) -> bool:
    return path.startswith(("/play/", "/steer/", "/healthz", "/readyz", "/metrics"))


def _trim(remembered: OrderedDict[bytes, Any], most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)
