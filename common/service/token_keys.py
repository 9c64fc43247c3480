"""The settings of a key that tokens in viewers' paths are signed with, alike in all roles."""

from typing import Annotated

import msgspec

from common.messages.packages import IDENTIFIER_PATTERN


class TokenKeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """A key that tokens in paths are signed with."""

    key_id: Annotated[
        str,
        msgspec.Meta(
            description="Its name, which tokens tell.",
            pattern=rf"^{IDENTIFIER_PATTERN}\Z",
            extra={"example": "2026-11"},
        ),
    ]
    secret: Annotated[
        str,
        msgspec.Meta(
            description="What only edges and whoever issues tokens know.",
            min_length=32,
            max_length=512,
            extra={"example": "a-long-random-secret-of-32-letters"},
        ),
    ]


def secrets_of(keys: tuple[TokenKeySettings, ...]) -> dict[str, str]:
    """The secrets of ``keys``, by their names."""
    return {key.key_id: key.secret for key in keys}
