"""A bound on what one client may ask of ``/play``: who asks more is told to wait."""

import secrets
from typing import Annotated, ClassVar

import msgspec

from common.clock import Clock
from common.errors import NearcastError
from control_plane.routing import Buckets, bucket_key
from control_plane.routing.clients import Address


class PlaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much one client may ask."""

    rate: Annotated[
        int,
        msgspec.Meta(
            description="Requests for /play that each IPv4 address, or IPv6 /56, may make in the "
            "long run; thousands of viewers may share one address. 0 for any number.",
            ge=0,
            le=1_000_000,
            extra={"unit": "requests per second"},
        ),
    ] = 50
    burst: Annotated[
        int,
        msgspec.Meta(
            description="How many of them at once.",
            ge=1,
            le=10_000_000,
            extra={"unit": "requests"},
        ),
    ] = 200


class TooManyRequests(NearcastError):
    """The client {client} asks too often: wait a second."""

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class Floods:
    """Keeps clients from asking too much."""

    def __init__(self, settings: PlaySettings, clock: Clock) -> None:
        self._buckets = (
            Buckets(settings.rate, settings.burst, secrets.randbits(64)) if settings.rate else None
        )
        self._clock = clock

    def admit(self, address: Address) -> None:
        """Does nothing while a client asks no more than it may.

        Raises:
            TooManyRequests: it does.
        """
        if self._buckets is not None and self._buckets.take(
            bucket_key(address), self._clock.monotonic()
        ):
            raise TooManyRequests(client=str(address))
