"""Requests upstream whose answers have not begun: whoever wants the same waits for the same."""

import asyncio
from collections.abc import Awaitable, Callable

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


class Flights:
    """What has been asked for."""

    def __init__(self) -> None:
        self._flights: dict[FlightKey, asyncio.Future[Shared]] = {}
        self._counts: dict[str, int] = {}
        """How many there are, by cache key."""

    def get(self, flight_key: FlightKey) -> asyncio.Future[Shared] | None:
        """The flight to wait for, shielded, if there is one."""
        return self._flights.get(flight_key)

    def is_asked_for(self, key: str) -> bool:
        """Whether somebody waits for the head of a response for the cache key ``key``."""
        return key in self._counts

    async def lead(
        self, ask: Ask, flight_key: FlightKey, send: Callable[[Ask], Awaitable[Outcome]]
    ) -> Outcome:
        """The outcome of ``send``, which others wait for meanwhile.

        Raises:
            NearcastError: it failed; those who wait are told so too.
        """
        flight: asyncio.Future[Shared] = asyncio.get_running_loop().create_future()
        flight.add_done_callback(_seen)
        self._flights[flight_key] = flight
        self._counts[ask.key] = self._counts.get(ask.key, 0) + 1
        try:
            outcome = await send(ask)
        except NearcastError as error:
            flight.set_exception(error)
            raise
        except BaseException as error:
            flight.set_exception(UpstreamBroke(key=ask.key, reason=type(error).__name__))
            raise
        else:
            flight.set_result(_shareable(ask, outcome))
            return outcome
        finally:
            del self._flights[flight_key]
            self._counts[ask.key] -= 1
            if not self._counts[ask.key]:
                del self._counts[ask.key]


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
