"""How a filter itself can fail."""

from common.errors import NearcastError


class FilterFailed(NearcastError):
    """The filter failed: {reason}."""


class FilterTimedOut(NearcastError):
    """The filter took longer than {seconds:g} seconds."""


class AnswerInvalid(NearcastError):
    """The filter's answer cannot be used: {reason}."""
