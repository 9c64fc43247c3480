"""The keys that tokens in viewers' paths are signed with, alike in all roles: in settings, and in a
file beside them that may be the same everywhere."""

from pathlib import Path
from typing import Annotated

import msgspec

from common import settings
from common.errors import SettingsInvalid
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


class TokenKeysFile(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file."""

    # Without a key, an edge would serve everybody.
    token_keys: Annotated[
        tuple[TokenKeySettings, ...],
        msgspec.Meta(description="Keys of tokens.", min_length=1, max_length=64),
    ]


def keys_of(
    file: Path | None, own: tuple[TokenKeySettings, ...], *, role: str, key: str
) -> tuple[TokenKeySettings, ...]:
    """The keys of ``file``, where there is one, before those of the settings.

    Reads a file: it belongs in a thread.

    Args:
        file: TOML, see ``TokenKeysFile``.
        own: the keys of the settings.
        role: whose settings they are.
        key: where they stand in these.

    Raises:
        SettingsInvalid: the file cannot be read or does not fit, or two keys have one name.
    """
    keys = own
    if file is not None:
        keys = (*settings.load(file, TokenKeysFile).token_keys, *own)
    if len({one.key_id for one in keys}) < len(keys):
        raise SettingsInvalid(file=role, key=key, expected="every key needs a name of its own")
    return keys


def secrets_of(keys: tuple[TokenKeySettings, ...]) -> dict[str, str]:
    """The secrets of ``keys``, by their names."""
    return {key.key_id: key.secret for key in keys}
