"""Why an edge has no answer of its own."""

from typing import ClassVar

from common.errors import NearcastError


class NotCached(NearcastError):
    """Nothing stored may answer this, and only-if-cached forbids to ask the origin."""

    status = 504


class StaleForbidden(NearcastError):
    """The origin cannot be asked whether the stored response is current: {reason}"""

    status = 504


class Overtaken(NearcastError):
    """What was asked for changed again and again: ask once more."""

    status = 503


class ContentSlow(NearcastError):
    """The request's content comes too slowly."""

    status = 408
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}
