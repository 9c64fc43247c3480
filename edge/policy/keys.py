"""Which object a request is for.

Objects of a package are named by their path alone, and their bytes never depend on anything else.
So the query is not part of the key: CMCD (CTA-5004), tokens and cache busters cannot split the
cache, and nobody can fill it with copies.
"""

from common.errors import NearcastError
from common.messages.packages import KEY_PATTERN

LONGEST_PATH = 600


class PathInvalid(NearcastError):
    """The path is no path of an object: it has characters or segments that no object has."""

    status = 400


class PathUnknown(NearcastError):
    """Nothing is served here but the objects under /v/."""

    status = 404


def object_key(raw_path: str) -> str:
    """The key of the object that ``raw_path`` (as it came, with its query) names.

    Raises:
        PathInvalid: it has dot segments, percent-encoding, empty segments or odd characters. No
            object needs them, and each is a way to say one thing and mean another.
        PathUnknown: it is not below ``/v/``.
    """
    path = raw_path.partition("?")[0]
    if len(path) > LONGEST_PATH or not path.startswith("/"):
        raise PathInvalid
    if path != "/" and KEY_PATTERN.match(path[1:]) is None:
        raise PathInvalid
    if not path.startswith("/v/") or path.count("/") < 4:
        raise PathUnknown
    return path[1:]
