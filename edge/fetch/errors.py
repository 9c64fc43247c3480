"""How getting an object from upstream can fail."""

from typing import ClassVar

from common.errors import NearcastError


class UpstreamUnknown(NearcastError):
    """There is no object {key!r}."""

    status = 404


class UpstreamUnreachable(NearcastError):
    """The origin cannot be reached: {reason}."""

    status = 502


class UpstreamRefused(NearcastError):
    """The origin refuses this edge's credential."""

    status = 502


class UpstreamBroke(NearcastError):
    """The origin did not deliver {key!r} as it should: {reason}."""

    status = 502


class UpstreamSlow(NearcastError):
    """The origin did not answer in time."""

    status = 504


class TooManyFetches(NearcastError):
    """This edge already fetches as many objects as it may."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}
