"""Reads tokens of either format, told apart by their first bytes."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from common.signing.access_token import (
    LONGEST_ACCESS_TOKEN,
    AccessToken,
    AccessTokens,
    is_access_token,
)
from common.signing.errors import TokenInvalid
from common.signing.path_token import PathToken, is_path_token, read_path_token

LONGEST: Final = LONGEST_ACCESS_TOKEN
"""Characters of a token of any format."""
Token = PathToken | AccessToken


class Verifier:
    """Reads tokens that are signed with one of several keys."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Knows the keys ``secrets`` by name; several are good while one is replaced."""
        self._secrets = dict(secrets)
        self._access = AccessTokens(secrets)

    def verify(self, text: str) -> Token:
        """What the token ``text`` says.

        Raises:
            TokenInvalid: it is cut or forged.
            TokenKeyUnknown: it is signed with a key that is not known.
            TokenUnsupported: it restricts what cannot be checked here.
        """
        data = _decoded(text)
        if is_path_token(data):
            return read_path_token(data, self._secrets)
        if is_access_token(data):
            return self._access.read(data)
        raise TokenInvalid


def _decoded(text: str) -> bytes:
    """The bytes behind ``text``, of which there is no other spelling: base64 has spare bits.

    Raises:
        TokenInvalid: it is too long, or no base64url without padding.
    """
    if len(text) > LONGEST:
        raise TokenInvalid
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode():
        raise TokenInvalid
    return data
