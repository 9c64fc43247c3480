"""How getting an object from upstream can fail."""

from common.errors import NearcastError


class UpstreamUnknown(NearcastError):
    """There is no object {key!r}."""

    status = 404


class ObjectRemoved(NearcastError):
    """The object {key!r} was removed."""

    status = 410


class UpstreamUnreachable(NearcastError):
    """The origin cannot be reached: {reason}."""

    status = 502


class UpstreamRefused(NearcastError):
    """The origin refuses this edge's credential."""

    status = 502


class UpstreamBroke(NearcastError):
    """The origin did not deliver {key!r} as it should: {reason}."""

    status = 502


class WrongBytes(UpstreamBroke):
    """The bytes of {key!r} are not those that were published: {reason}."""


class PartsDiffer(UpstreamBroke):
    """The parts of {key!r} do not belong together: {reason}."""


class UpstreamSlow(NearcastError):
    """The origin did not answer in time."""

    status = 504


def check_object_status(status: int, key: str) -> None:
    """Tells why an origin's answer is no object.

    Raises:
        UpstreamUnknown: there is no such object.
        UpstreamRefused: it does not take this edge's credential.
        UpstreamBroke: it says something else.
    """
    if status in {404, 410}:
        raise UpstreamUnknown(key=key)
    if status in {401, 403}:
        raise UpstreamRefused
    if status not in {200, 206, 304, 416}:
        raise UpstreamBroke(key=key, reason=f"it answers {status}")
