"""Requests upstream whose answers have not begun: whoever wants the same waits for the same."""

import asyncio
from collections.abc import Coroutine

from common.errors import NearcastError
from edge.fetch.arriving import Arriving
from edge.fetch.errors import UpstreamBroke
from edge.fetch.outcomes import (
    SERVER_ERRORS,
    Ask,
    Coming,
    OriginFailed,
    Outcome,
    Passing,
    Settled,
    Validated,
)
from edge.policy.storing import Storing

Shared = Arriving | Validated | OriginFailed | None
"""What those who wait may have; None when each has to ask."""
FlightKey = tuple[str, str | None, tuple[tuple[str, str | None], ...], int]
"""Cache key, Range, selecting fields, and the number of the last purge."""


class Flight:
    """A request under way, and who waits for what it brings."""

    __slots__ = ("_landing", "key")

    def __init__(self, flight_key: FlightKey) -> None:
        self.key = flight_key
        self._landing: asyncio.Future[Shared] | None = None
        """Made when somebody waits: most have nobody who does."""

    async def landed(self) -> Shared:
        """Waits for what it brings.

        Raises:
            NearcastError: it failed.
        """
        if self._landing is None:
            self._landing = asyncio.get_running_loop().create_future()
            self._landing.add_done_callback(_seen)
        return await asyncio.shield(self._landing)

    def land(self, shared: Shared) -> None:
        """Tells those who wait what they may have."""
        if self._landing is not None:
            self._landing.set_result(shared)

    def fail(self, error: NearcastError) -> None:
        """Tells them that it failed."""
        if self._landing is not None:
            self._landing.set_exception(error)


class Flights:
    """What has been asked for."""

    def __init__(self) -> None:
        self._flights: dict[FlightKey, Flight] = {}
        self._counts: dict[str, int] = {}
        """How many there are, by cache key."""

    def get(self, flight_key: FlightKey) -> Flight | None:
        """The flight to wait for, if there is one."""
        return self._flights.get(flight_key)

    def begin(self, flight_key: FlightKey) -> Flight:
        """A new flight; then ``end`` follows."""
        flight = self._flights[flight_key] = Flight(flight_key)
        self._counts[flight_key[0]] = self._counts.get(flight_key[0], 0) + 1
        return flight

    def end(self, flight: Flight) -> None:
        """Takes note that it has landed, or failed."""
        key = flight.key[0]
        del self._flights[flight.key]
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def is_asked_for(self, key: str) -> bool:
        """Whether somebody waits for the head of a response for the cache key ``key``."""
        return key in self._counts

    async def lead(
        self, ask: Ask, flight: Flight, sending: Coroutine[None, None, Outcome]
    ) -> Outcome:
        """The outcome of ``sending``, which others wait for meanwhile.

        Raises:
            NearcastError: it failed; those who wait are told so too.
        """
        try:
            outcome = await sending
        except NearcastError as error:
            flight.fail(error)
            raise
        except BaseException as error:
            flight.fail(UpstreamBroke(key=ask.key, reason=type(error).__name__))
            raise
        else:
            flight.land(_shareable(ask, outcome))
            return outcome
        finally:
            self.end(flight)


def _shareable(ask: Ask, outcome: Outcome) -> Shared:
    """What those who wait for the same may have of an outcome."""
    if isinstance(outcome, Coming):
        stored = outcome.arriving.stored
        return outcome.arriving if Storing(stored).shared else None
    if isinstance(outcome, Passing):
        failed = outcome.response.status in SERVER_ERRORS and ask.stale is not None
        return OriginFailed() if failed else None
    return None if isinstance(outcome, Settled) else outcome


def _seen(flight: asyncio.Future[Shared]) -> None:
    """Takes note of a failure that nobody waits for."""
    if not flight.cancelled():
        flight.exception()
