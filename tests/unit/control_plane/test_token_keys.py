"""The keys that viewers' tokens are signed with, and their file."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from common.errors import SettingsInvalid
from common.service import TokenKeySettings
from common.signing import PathToken, Verifier
from control_plane import watched_file
from control_plane.minting import Minter, TokenSettings
from control_plane.routing import Viewer
from control_plane.token_keys import TokenKeys
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement

OLD, NEW, OWN = (
    TokenKeySettings(key_id=name, secret=f"the {name} secret of enough characters")
    for name in ("old", "new", "own")
)
VERIFIER = Verifier({key.key_id: key.secret for key in (OLD, NEW, OWN)})


def write(file: Path, *keys: TokenKeySettings) -> Path:
    told = [{"key_id": key.key_id, "secret": key.secret} for key in keys]
    file.write_text(tomli_w.dumps({"token_keys": told}))
    return file


async def until(keys: TokenKeys, check: Callable[[], bool]) -> None:
    """Has the file looked at until ``check`` answers true."""
    looking = asyncio.create_task(keys.run())
    try:
        async with asyncio.timeout(20):
            while not check():  # noqa: ASYNC110 - it looks by itself
                await asyncio.sleep(0.01)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_file, "LOOK_EVERY", 0.01)


async def test_the_files_first_key_signs_before_those_of_the_settings(tmp_path: Path) -> None:
    file = write(tmp_path / "keys.toml", NEW, OLD)
    settings = TokenSettings(keys=(OWN,), keys_file=file)

    assert (await asyncio.to_thread(TokenKeys, settings)).signing() == NEW
    assert TokenKeys(TokenSettings(keys=(OWN, OLD))).signing() == OWN


@pytest.mark.parametrize("format_", ["path", "cat"])
async def test_a_key_that_comes_first_in_a_changed_file_signs_what_is_minted_then(
    tmp_path: Path, format_: Any
) -> None:
    file = write(tmp_path / "keys.toml", OLD, NEW)
    settings = TokenSettings(keys_file=file, format=format_)
    keys = await asyncio.to_thread(TokenKeys, settings)
    minter, viewer = Minter(settings, Clock(), keys.signing), Viewer(ip_address("192.0.2.7"))
    before = minter.opening(announcement(), viewer)
    write(file, NEW, OLD)
    await until(keys, lambda: keys.signing() == NEW)
    after = minter.opening(announcement(), viewer)

    names = []
    for opening in (before, after):
        token = VERIFIER.verify(opening.removeprefix("/t/"))
        names.append(token.key_id if isinstance(token, PathToken) else None)
    assert names == (["old", "new"] if format_ == "path" else [None, None])
    assert before != after
    assert Verifier({NEW.key_id: NEW.secret}).verify(after.removeprefix("/t/"))


@pytest.mark.parametrize("text", [None, "", "[[token_keys]]\nkey_id =", "token_keys = []"])
async def test_a_file_that_cannot_be_leaves_the_key_that_signs_and_is_told(
    tmp_path: Path, text: str | None
) -> None:
    file = write(tmp_path / "keys.toml", OLD)
    keys = await asyncio.to_thread(TokenKeys, TokenSettings(keys_file=file))
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    await until(keys, lambda: bool(keys.away()))

    assert str(file) in keys.away()["token keys"]
    assert keys.signing() == OLD
    write(file, NEW)
    await until(keys, lambda: not keys.away())
    assert keys.signing() == NEW


@pytest.mark.parametrize("own", [(), (OWN, OWN)])
def test_settings_without_a_key_or_with_one_name_twice_are_told(
    own: tuple[TokenKeySettings, ...],
) -> None:
    with pytest.raises(SettingsInvalid, match=r"tokens\.keys"):
        TokenKeys(TokenSettings(keys=own))


async def test_a_name_of_the_settings_is_not_the_files_too(tmp_path: Path) -> None:
    file = write(tmp_path / "keys.toml", OWN)
    with pytest.raises(SettingsInvalid, match="name of its own"):
        await asyncio.to_thread(TokenKeys, TokenSettings(keys=(OWN,), keys_file=file))
