"""Tokens in viewers' paths: ``/t/{token}/rest`` is served as ``/rest`` to whom it lets in."""

import re
from collections.abc import Mapping

from common.errors import NearcastError
from common.signing import (
    Token,
    TokenForeign,
    TokenInvalid,
    TokenSessionOther,
    Verifier,
    session_told,
)

REMEMBERED = 8192
"""Tokens that need not be verified again, at least, and half of those that may be kept; and
targets. A kilobyte each."""
LONGEST_REMEMBERED = 512
"""Characters of such a target."""
_DOUBTFUL = re.compile(r"//|/\.{1,2}(?:/|$)|%2[ef]|%5c|\\", re.IGNORECASE)
"""What an origin may take for another path than the one that the token was checked for."""
_SESSION_FIELD = re.compile(rb"\r\ncmcd-session:[ \t]*([^\r]*)", re.IGNORECASE)


def session_field(block: bytes) -> str:
    """The value of the CMCD-Session lines among the field lines of a request."""
    return ", ".join(line.decode("latin-1") for line in _SESSION_FIELD.findall(block))


class Tokens:
    """Checks tokens; those that were in order once are remembered, and no others."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Knows the keys ``secrets``, by their names."""
        self._verifier = Verifier(secrets)
        self._known: dict[bytes, Token] = {}
        self._known_before: dict[bytes, Token] = {}
        """Those that are forgotten when there are too many, unless they are met again."""
        self._opened: dict[bytes, tuple[bytes, float]] = {}
        """Targets that were opened, as they came, without their tokens and until when they are
        open: of tokens that many viewers share. What one viewer asks for with a token of its own it
        asks for once."""

    def opened(self, target: str, client: str, now: float, session: str) -> str:
        """``target`` (origin-form) without its token.

        Args:
            target: as it came.
            client: the viewer's address.
            now: POSIX seconds.
            session: the value of CMCD-Session; empty where there is none.

        Raises:
            NearcastError: ``client`` may not read it at ``now``; an error of ``common.signing``.
        """
        if not target.startswith("/t/"):
            raise TokenInvalid
        text, slash, rest = target[3:].partition("/")
        if not slash:
            raise TokenInvalid
        name = text.encode()
        token = self._recalled(name)
        if token is None:
            token = self._verifier.verify(text)
            self._remember(name, token)
        opened = f"/{rest}"
        _check(token, opened, client, now, session)
        self._keep(target.encode(), opened.encode(), token)
        return opened

    def opened_before(self, target: bytes, client: str, now: float, block: bytes) -> bytes | None:
        """``target`` without its token, where that was met before and ``client`` may read it; None
        says nothing.

        Args:
            target: as it came.
            client: the viewer's address.
            now: POSIX seconds.
            block: the field lines of the request.
        """
        known = self._opened.get(target)
        if known is not None:
            return known[0] if now < known[1] else None
        if not target.startswith(b"/t/"):
            return None
        slash = target.find(b"/", 3)
        token = self._recalled(target[3:slash]) if slash > 0 else None
        if token is None:
            return None
        opened = target[slash:]
        session = session_field(block) if token.session else ""
        try:
            _check(token, opened.decode("latin-1"), client, now, session)
        except NearcastError:
            return None
        self._keep(target, opened, token)
        return opened

    def _keep(self, target: bytes, opened: bytes, token: Token) -> None:
        if token.shared and len(target) <= LONGEST_REMEMBERED:
            if len(self._opened) >= REMEMBERED:
                self._opened.clear()
            self._opened[target] = opened, token.expires

    def _recalled(self, name: bytes) -> Token | None:
        token = self._known.get(name)
        if token is None and name in self._known_before:
            token = self._known_before[name]
            self._remember(name, token)
        return token

    def _remember(self, name: bytes, token: Token) -> None:
        if len(self._known) >= REMEMBERED:
            self._known_before, self._known = self._known, {}
        self._known[name] = token


def _check(token: Token, opened: str, client: str, now: float, session: str) -> None:
    """Lets ``client`` read ``opened``, a target without its token.

    Raises:
        NearcastError: it may not.
    """
    path, _, query = opened.partition("?")
    token.check(path, now, client)
    # Most paths have none of the characters that the pattern takes its time to look for.
    if ("//" in path or "/." in path or "%" in path or "\\" in path) and _DOUBTFUL.search(path):
        raise TokenForeign
    if token.session and token.session != session_told(query, session):
        raise TokenSessionOther
