"""How an encode can fail."""

from common.errors import NearcastError


class EncodeFailed(NearcastError):
    """The encoder failed: {reason}."""

    status = 422


class EncodeStalled(NearcastError):
    """The encoder made no progress for {seconds:g} seconds."""


class EncoderMissing(NearcastError):
    """The encoder cannot be started: {reason}."""
