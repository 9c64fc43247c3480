"""The keys of tokens that an edge knows: those of its settings and of a file beside them."""

from typing import Annotated

import msgspec

from common import settings as files
from common.errors import SettingsInvalid
from common.service import TokenKeySettings
from edge.settings import Settings


class TokenKeysFile(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file."""

    # Without a key, everybody would be served.
    token_keys: Annotated[
        tuple[TokenKeySettings, ...],
        msgspec.Meta(description="Keys of tokens.", min_length=1, max_length=64),
    ]


def with_token_keys(settings: Settings) -> Settings:
    """``settings`` with the keys of the file, where there is one, before their own.

    Reads a file: it belongs in a thread.

    Raises:
        SettingsInvalid: the file cannot be read or does not fit, or two keys have one name.
    """
    keys = settings.token_keys
    if settings.token_keys_file is not None:
        keys = (*files.load(settings.token_keys_file, TokenKeysFile).token_keys, *keys)
    if len({key.key_id for key in keys}) < len(keys):
        raise SettingsInvalid(
            file="edge", key="token_keys", expected="every key needs a name of its own"
        )
    return msgspec.structs.replace(settings, token_keys=keys)
