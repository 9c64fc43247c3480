"""Tokens: who has one may read what is below a path, until it expires.

A token stands in the path, ``/t/{token}/…``, so that relative URLs in playlists carry it on, and
the cache key does not have it.
"""

from common.signing.access_token import LONGEST_ACCESS_TOKEN, AccessToken, AccessTokens
from common.signing.errors import (
    TokenEarly,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenKeyUnknown,
    TokenSessionOther,
    TokenUnsupported,
)
from common.signing.path_token import LONGEST_PATH_TOKEN, PathToken, mint
from common.signing.sessions import SESSION, session_told
from common.signing.verifier import LONGEST, Token, Verifier

__all__ = [
    "LONGEST",
    "LONGEST_ACCESS_TOKEN",
    "LONGEST_PATH_TOKEN",
    "SESSION",
    "AccessToken",
    "AccessTokens",
    "PathToken",
    "Token",
    "TokenEarly",
    "TokenExpired",
    "TokenForeign",
    "TokenInvalid",
    "TokenKeyUnknown",
    "TokenSessionOther",
    "TokenUnsupported",
    "Verifier",
    "mint",
    "session_told",
]
