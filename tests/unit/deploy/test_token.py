"""``nearcast token``."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner, Result

from common.signing import AccessToken, PathToken, Verifier
from deploy.command_line import main

SECRET = "a secret of more than thirty-two characters"
KEYS = [{"key_id": "2026-11", "secret": SECRET}, {"key_id": "2026-10", "secret": "o" * 40}]
VERIFIER = Verifier({"2026-11": SECRET})
EDGE: Mapping[str, object] = {
    "cache_folder": "cache",
    "listen": {"port": 8080},
    "origin": {"url": "http://127.0.0.1:1"},
    "token_keys": KEYS,
}
CONTROL: Mapping[str, object] = {
    "listen": {"port": 8080},
    "database": {"sqlite": "control.sqlite"},
    "regions": [{"name": "eu", "title": "Europe", "latitude": 0.0, "longitude": 0.0}],
    "tokens": {"keys": KEYS},
}


def run(folder: Path, settings: Mapping[str, object], *words: str) -> Result:
    config = folder / "role.toml"
    config.write_text(tomli_w.dumps(settings))
    return CliRunner().invoke(main, ["token", "--config", str(config), *words])


@pytest.mark.parametrize("settings", [EDGE, CONTROL])
def test_what_it_prints_opens_the_asset_with_the_first_key(
    tmp_path: Path, settings: Mapping[str, object]
) -> None:
    before = int(time.time())
    done = run(tmp_path, settings, "film", "--lifetime", "60")
    token = VERIFIER.verify(done.output.strip().removeprefix("/t/"))

    assert isinstance(token, PathToken)
    assert (token.key_id, token.prefix) == ("2026-11", "/v/film/")
    assert before + 60 <= token.expires <= time.time() + 60


@pytest.mark.parametrize(
    "settings",
    [
        {**EDGE, "token_keys": KEYS[1:], "token_keys_file": "keys.toml"},
        {**CONTROL, "tokens": {"keys_file": "keys.toml"}},
    ],
)
def test_keys_in_a_file_beside_the_settings_come_first(
    tmp_path: Path, settings: Mapping[str, object]
) -> None:
    (tmp_path / "keys.toml").write_text(tomli_w.dumps({"token_keys": KEYS[:1]}))
    token = VERIFIER.verify(run(tmp_path, settings, "film").output.strip()[3:])

    assert isinstance(token, PathToken)
    assert token.key_id == "2026-11"


def test_everything_that_a_token_says_can_be_said(tmp_path: Path) -> None:
    words = ("film", "--version", "1", "--address", "2001:DB8::0:7", "--session", "a-1")
    token = VERIFIER.verify(run(tmp_path, EDGE, *words).output.strip()[3:])

    assert isinstance(token, PathToken)
    assert (token.prefix, token.address, token.session) == ("/v/film/1/", "2001:db8::7", "a-1")


def test_it_makes_common_access_tokens_for_any_path(tmp_path: Path) -> None:
    done = run(tmp_path, EDGE, "--prefix", "/films/", "--cat", "--address", "192.0.2.7")
    token = VERIFIER.verify(done.output.strip()[3:])

    assert isinstance(token, AccessToken)
    token.check("/films/a.mp4", time.time(), "192.0.2.7")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "either ASSET or --prefix"),
        (("film", "--prefix", "/"), "either ASSET or --prefix"),
        (("--prefix", "/v/", "--version", "1"), "--version goes with ASSET"),
        (("--prefix", "v/"), "begins with /"),
        (("--prefix", "/" + "a" * 300), "No such token can be made"),
        (("--prefix", "/" + "a" * 900, "--cat"), "No such token can be made"),
        (("a film",), "no name of an asset"),
        (("film", "--version", ".."), "no name of an asset"),
        (("film", "--address", "192.0.2"), "--address is none"),
        (("film", "--session", "a b"), "--session has 1 to 64"),
        (("film", "--session", "a", "--cat"), "exclude each other"),
        (("film", "--lifetime", "0"), "--lifetime"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    done = run(tmp_path, EDGE, *words)

    assert done.exit_code == 2
    assert why in done.output


@pytest.mark.parametrize("settings", [EDGE, CONTROL])
def test_settings_without_keys_are_told(tmp_path: Path, settings: Mapping[str, object]) -> None:
    without = {name: value for name, value in settings.items() if "token" not in name}
    done = run(tmp_path, without, "film")

    assert (done.exit_code, "has no keys" in done.output) == (2, True)


@pytest.mark.parametrize("text", [b"\xff", b"listen = ", b"strange = 1\n"])
def test_settings_that_are_none_are_told(tmp_path: Path, text: bytes) -> None:
    config = tmp_path / "role.toml"
    config.write_bytes(text)
    done = CliRunner().invoke(main, ["token", "--config", str(config), "film"])

    assert (done.exit_code, "role.toml" in done.output) == (1, True)
