"""Why a token lets nobody in."""

from common.errors import NearcastError


class TokenInvalid(NearcastError):
    """The token in the path is missing, or none that was issued here."""

    status = 403


class TokenKeyUnknown(NearcastError):
    """The token in the path is signed with a key that is not, or no longer, good here: ask for a
    new one where it came from."""

    status = 403


class TokenExpired(NearcastError):
    """The token in the path has expired."""

    status = 403


class TokenEarly(NearcastError):
    """The token in the path is not good yet."""

    status = 403


class TokenForeign(NearcastError):
    """The token in the path was issued for another path or client."""

    status = 403


class TokenSessionOther(NearcastError):
    """The token in the path was issued for a session that this request does not tell: players tell
    theirs in each request, as `sid` in CMCD (CTA-5004)."""

    status = 403


class TokenUnsupported(NearcastError):
    """The token in the path asks for something that is not supported here: {what}."""

    status = 403
