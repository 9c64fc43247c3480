"""Keys of tokens that change while a control plane runs."""

from pathlib import Path

import pytest
import tomli_w

from common.signing import PathToken, Verifier
from control_plane.minting import TokenSettings
from tests.integration.control_service import Talk, control_plane, control_settings
from tests.integration.test_edge_workers import eventually
from tests.unit.control_plane.databases import city, write_database

SECRETS = {name: f"the {name} secret of enough characters" for name in ("old", "new")}


def write(file: Path, *names: str) -> None:
    keys = [{"key_id": name, "secret": SECRETS[name]} for name in names]
    file.write_text(tomli_w.dumps({"token_keys": keys}))


async def signing(talk: Talk) -> str:
    """The name of the key that opens what a viewer is sent to, on both lanes."""
    names = set()
    for fields in ({}, {"X-Unknown": "a field that nobody knows"}):
        _, _, answer = await talk.call("GET", "/play/a", headers=fields)
        token = Verifier(SECRETS).verify(answer["Location"].split("/t/")[1].split("/")[0])
        assert isinstance(token, PathToken)
        names.add(token.key_id)
    (name,) = names
    return name


async def test_a_new_key_signs_without_a_restart_and_a_broken_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.watched_file.LOOK_EVERY", 0.02)
    file = tmp_path / "keys.toml"
    write(file, "old", "new")
    places = write_database(tmp_path / "city.mmdb", {"192.0.2.0/24": city("DE", 52.5, 13.4)})
    tokens = TokenSettings(keys_file=file)
    settings = control_settings(tmp_path, geoip=(places,), tokens=tokens)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
        assert await signing(talk) == "old"

        async def has_changed() -> bool:
            return await signing(talk) == "new"

        async def is_told() -> bool:
            _, body, _ = await talk.call("GET", "/readyz")
            return "token keys" in body.get("away", {})

        write(file, "new", "old")
        await eventually(has_changed)
        file.write_text("[[token_keys]]\nkey_id =")
        await eventually(is_told)
        assert await signing(talk) == "new"
