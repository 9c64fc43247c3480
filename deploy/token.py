"""What ``nearcast token`` does: mints a token with the keys of a control plane or an edge."""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any

import click

from common import settings
from common.messages.packages import IDENTIFIER_PATTERN
from common.service import TokenKeySettings
from common.service.token_keys import keys_of
from common.signing import SESSION, AccessTokens, PathToken, mint
from deploy.roles import ROLES

_PREFIX = re.compile(r"/[!-~]*")


def opening(
    key: TokenKeySettings,
    now: int,
    *,
    asset: str | None = None,
    version: str | None = None,
    prefix: str | None = None,
    lifetime: int = 3600,
    address: str | None = None,
    session: str | None = None,
    cat: bool = False,
) -> str:
    """What goes before a path; the arguments are those of the command.

    Raises:
        UsageError: they do not go together, or say nothing.
    """
    opened = _opened(asset, version, prefix)
    client = ""
    if address is not None:
        try:
            client = str(ipaddress.ip_address(address))
        except ValueError as error:
            raise click.UsageError(f"--address is none: {error}.") from error
    if session is not None and not SESSION.fullmatch(session):
        raise click.UsageError(
            "--session has 1 to 64 letters, digits, hyphens and underscores, as players tell it."
        )
    if cat and session is not None:
        raise click.UsageError("--cat and --session exclude each other: no claim tells a session.")
    expires = now + lifetime
    try:
        if cat:
            tokens = AccessTokens({key.key_id: key.secret})
            return f"/t/{tokens.mint(key.key_id, opened, expires, client)}"
        return (
            f"/t/{mint(PathToken(key.key_id, opened, expires, client, session or ''), key.secret)}"
        )
    except ValueError as error:
        raise click.UsageError(f"No such token can be made: {error}.") from error


def _opened(asset: str | None, version: str | None, prefix: str | None) -> str:
    """The prefix that is meant.

    Raises:
        UsageError: none, or none that can be.
    """
    if (asset is None) == (prefix is None):
        raise click.UsageError("Give either ASSET or --prefix.")
    if prefix is not None:
        if version is not None:
            raise click.UsageError("--version goes with ASSET, not with --prefix.")
        if not _PREFIX.fullmatch(prefix):
            raise click.UsageError("--prefix begins with / and has no spaces.")
        return prefix
    for name in filter(None, (asset, version)):
        if not re.fullmatch(IDENTIFIER_PATTERN, name):
            raise click.UsageError(f"{name!r} is no name of an asset or a version.")
    return f"/v/{asset}/" + (f"{version}/" if version else "")


def first_key(config: Path) -> TokenKeySettings:
    """The key that signs.

    Raises:
        SettingsInvalid: the settings, or their file of keys, cannot be read or do not fit.
        UsageError: they have no key.
    """
    try:
        is_edge = "cache_folder" in tomllib.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        # The other reader tells what is wrong.
        is_edge = False
    loaded: Any = settings.load(config, ROLES["edge" if is_edge else "control"].settings_type())
    file: Path | None = None
    own: tuple[TokenKeySettings, ...] = ()
    if is_edge:
        file, own = loaded.token_keys_file, loaded.token_keys
    elif loaded.tokens is not None:
        file, own = loaded.tokens.keys_file, loaded.tokens.keys
    keys = keys_of(file, own, role=str(config), key="token_keys" if is_edge else "tokens.keys")
    if not keys:
        raise click.UsageError(
            f"{config} has no keys: give [[tokens.keys]] of a control plane, or [[token_keys]] of "
            "an edge."
        )
    return keys[0]
