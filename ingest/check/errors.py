"""How a check can end without a verdict, and what a broken package is called."""

from common.errors import NearcastError


class NotReadable(NearcastError):
    """{target} cannot be checked: {reason}."""


class PackageBroken(NearcastError):
    """The package breaks {count} rules, the first of them: {sentence}"""


class NotLookedInto(Exception):
    """Why something that may be right is not checked: the end of a sentence."""
