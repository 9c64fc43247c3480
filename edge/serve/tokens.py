"""Tokens in viewers' paths: ``/t/{token}/rest`` is served as ``/rest`` to whom it lets in."""

import re
from collections.abc import Mapping

from common.signing import PathToken, TokenForeign, TokenInvalid, Verifier

REMEMBERED = 4096
"""Tokens that need not be verified again; and targets."""
LONGEST_REMEMBERED = 1024
"""Characters of such a target."""
_DOUBTFUL = re.compile(r"//|/\.{1,2}(?:/|$)|%2[ef]|%5c|\\", re.IGNORECASE)
"""What an origin may take for another path than the one that the token was checked for."""


class Tokens:
    """Checks tokens; those that were in order once are remembered."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Knows the keys ``secrets``, by their names."""
        self._verifier = Verifier(secrets)
        self._known: dict[str, PathToken] = {}
        self._opened: dict[bytes, tuple[bytes, PathToken]] = {}
        """Targets that were opened before, as they came and without their tokens."""

    def opened(self, target: str, client: str, now: float) -> str:
        """``target`` (origin-form) without its token.

        Raises:
            TokenInvalid, TokenExpired, TokenForeign: ``client`` may not read it at ``now``.
        """
        if not target.startswith("/t/"):
            raise TokenInvalid
        text, slash, rest = target[3:].partition("/")
        if not slash:
            raise TokenInvalid
        token = self._known.get(text)
        if token is None:
            token = self._verifier.verify(text)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[text] = token
        opened = f"/{rest}"
        path = opened.partition("?")[0]
        token.check(path, now, client)
        if _DOUBTFUL.search(path) is not None:
            raise TokenForeign
        if len(target) <= LONGEST_REMEMBERED:
            if len(self._opened) >= REMEMBERED:
                self._opened.clear()
            self._opened[target.encode()] = (opened.encode(), token)
        return opened

    def opened_before(self, target: bytes, client: str, now: float) -> bytes | None:
        """``target`` without its token, where it was opened before and ``client`` may read it."""
        found = self._opened.get(target)
        if found is None:
            return None
        opened, token = found
        mine = not token.address or token.address == client
        return opened if mine and now < token.expires else None
