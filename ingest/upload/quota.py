"""How much one credential may upload. Pure.

Requests are held to a pace by a bucket of tokens, which fills steadily and empties by one with each
request. Uploads and bytes are counted by the day (UTC).
"""

import math
from typing import Annotated

import msgspec

from common.settings import ByteSize
from ingest.upload.errors import QuotaExceeded

DAY = 86_400.0
"""Seconds."""


class QuotaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one credential may do."""

    requests_per_second: Annotated[
        float,
        msgspec.Meta(
            description="Requests for uploads that may come in the long run.",
            gt=0,
            le=1e6,
            extra={"unit": "per second"},
        ),
    ] = 1000.0
    burst: Annotated[
        int, msgspec.Meta(description="Requests that may come at once.", ge=1, le=1_000_000)
    ] = 2000
    at_once: Annotated[
        int,
        msgspec.Meta(
            description="Requests with content that may run at the same time in one process.",
            ge=1,
            le=10_000,
        ),
    ] = 64
    uploads_per_day: Annotated[
        int,
        msgspec.Meta(description="Uploads that may begin in a day (UTC).", ge=1, le=10**9),
    ] = 10_000
    bytes_per_day: Annotated[
        ByteSize,
        msgspec.Meta(
            description="What uploads that begin in a day (UTC) may have together.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(4 << 40)


class Usage(msgspec.Struct, frozen=True):
    """What a credential has used of a day."""

    uploads: int = 0
    size: int = 0
    """Bytes."""


class Bucket(msgspec.Struct, frozen=True):
    """Requests that may come at once, as of a time (monotonic seconds)."""

    tokens: float
    at: float


def drawn(bucket: Bucket | None, quota: QuotaSettings, *, name: str, now: float) -> Bucket:
    """The bucket after one more request of the credential ``name``; None is a full one.

    Raises:
        QuotaExceeded: it is empty.
    """
    full = float(quota.burst)
    before = bucket or Bucket(full, now)
    tokens = min(full, before.tokens + (now - before.at) * quota.requests_per_second)
    if tokens < 1:
        wait = (1 - tokens) / quota.requests_per_second
        raise QuotaExceeded(
            name=name,
            limit=f"{quota.requests_per_second:g} requests a second",
            retry_after=math.ceil(wait),
        )
    return Bucket(tokens - 1, now)


def day_of(now: float) -> int:
    """The day that POSIX time ``now`` is in, counted from 1970-01-01."""
    return int(now // DAY)


def fits(quota: QuotaSettings, used: Usage, wanted: Usage) -> bool:
    """Whether a day has room for ``wanted``."""
    return (
        used.uploads + wanted.uploads <= quota.uploads_per_day
        and used.size + wanted.size <= quota.bytes_per_day
    )


def refusal(
    quota: QuotaSettings, used: Usage, wanted: Usage, *, name: str, now: float
) -> QuotaExceeded:
    """Why a day has no room for ``wanted``."""
    of_uploads = used.uploads + wanted.uploads > quota.uploads_per_day
    limit = (
        f"{quota.uploads_per_day} uploads a day"
        if of_uploads
        else f"{int(quota.bytes_per_day)} bytes a day"
    )
    return QuotaExceeded(name=name, limit=limit, retry_after=math.ceil(DAY - now % DAY))
