"""The keys of tokens that an edge knows: those of its settings and of a file beside them."""

import msgspec

from common.service.token_keys import keys_of
from edge.settings import Settings


def with_token_keys(settings: Settings) -> Settings:
    """``settings`` with the keys of the file, where there is one, before their own.

    Reads a file: it belongs in a thread.

    Raises:
        SettingsInvalid: the file cannot be read or does not fit, or two keys have one name.
    """
    file, own = settings.token_keys_file, settings.token_keys
    keys = keys_of(file, own, role="edge", key="token_keys")
    return msgspec.structs.replace(settings, token_keys=keys)
