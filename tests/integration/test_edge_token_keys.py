"""Keys of tokens are rotated on an edge that runs, without a request that is lost."""

import os
import signal
from pathlib import Path

import pytest
import tomli_w

from common.errors import SettingsInvalid
from common.service import ListenSettings, TokenKeySettings
from common.signing import PathToken, mint
from edge.settings import OriginSettings, Settings
from edge.token_keys import with_token_keys
from tests.integration.proxy_service import RawOrigin
from tests.integration.test_edge_workers import EdgeProcess, eventually

SECRETS = {name: f"the {name} secret of enough characters" for name in ("old", "new", "own")}
OWN = TokenKeySettings(key_id="own", secret=SECRETS["own"])


def write(file: Path, *names: str) -> None:
    keys = [{"key_id": name, "secret": SECRETS[name]} for name in names]
    file.write_text(tomli_w.dumps({"token_keys": keys}))


def path_of(name: str) -> str:
    return f"/t/{mint(PathToken(name, '/v/', 2**39), SECRETS[name])}/v/a"


def settings(file: Path | None) -> Settings:
    return Settings(
        cache_folder=Path("cache"),
        listen=ListenSettings(port=1),
        origin=OriginSettings(url="http://127.0.0.1:1"),
        token_keys=(OWN,),
        token_keys_file=file,
    )


async def test_a_key_is_retired_while_the_edge_runs(origin: RawOrigin, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write(file, "old", "new")
    edge = EdgeProcess(tmp_path, origin.url, token_keys_file=file.name)

    async def statuses() -> list[int]:
        return [(await edge.viewer.get(path_of(name))).status for name in ("old", "new")]

    async def retired() -> bool:
        return await statuses() == [403, 200]

    async def gave_up() -> bool:
        return bool(edge.told("the new worker does not start, the old one stays"))

    async with edge.running():
        assert await statuses() == [200, 200]
        write(file, "new")
        os.kill(edge.pid, signal.SIGUSR2)
        await eventually(retired)
        # Nobody is let in for a file that somebody has only half written.
        file.write_text("[[token_keys]]\nkey_id =")
        os.kill(edge.pid, signal.SIGUSR2)
        await eventually(gave_up)
        assert await statuses() == [403, 200]


def test_keys_of_the_file_come_first_and_those_of_the_settings_stay(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write(file, "new", "old")

    names = [key.key_id for key in with_token_keys(settings(file)).token_keys]
    assert names == ["new", "old", "own"]
    assert with_token_keys(settings(None)).token_keys == (OWN,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read"),
        (b"", "token_keys"),
        (b"token_keys = []\n", "token_keys"),
        (b"\xff", "no TOML"),
        (b'[[token_keys]]\nkey_id = "k"\nsecret = "short"\n', "secret"),
        (tomli_w.dumps({"token_keys": [{"key_id": "own", "secret": "x" * 40}]}).encode(), "name"),
    ],
)
def test_a_file_that_cannot_be_is_told(tmp_path: Path, text: bytes | None, why: str) -> None:
    file = tmp_path / "keys.toml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(SettingsInvalid, match=why):
        with_token_keys(settings(file))
