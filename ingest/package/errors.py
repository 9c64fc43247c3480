"""How a package can fail to come together."""

from common.errors import NearcastError


class PartInvalid(NearcastError):
    """What the encoder made is no good: {name}: {reason}."""


class PackageInvalid(NearcastError):
    """The rendition {rendition} cannot be packaged: {reason}."""
