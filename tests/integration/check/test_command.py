"""``nearcast check``: what it enters by, and what it prints."""

import json
import shutil
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from deploy.check import ENTRIES, check_command
from deploy.command_line import main
from ingest.check import (
    RULES,
    FolderReader,
    NotReadable,
)
from tests.integration.check.packages import HIGH, loaded, rewrite, site


async def test_a_folder_is_entered_by_its_multivariant_playlist(broken: Path) -> None:
    (broken / "main.m3u8").rename(broken / "film.m3u8")
    shutil.copyfile(broken / HIGH / "playlist.m3u8", broken / "index.m3u8")
    package = await loaded(broken)
    assert package.name(package.multivariants[0].place) == "film.m3u8"


def test_a_folder_of_packages_names_one_of_them(good: Path) -> None:
    with pytest.raises(NotReadable, match=r"no main\.m3u8 is there, but good/main\.m3u8 is"):
        FolderReader(good.parent, ENTRIES)


def test_a_folder_of_media_playlists_asks_for_one(broken: Path) -> None:
    for name in ("a", "b"):
        shutil.copyfile(broken / HIGH / "playlist.m3u8", broken / HIGH / f"{name}.m3u8")
    (broken / HIGH / "playlist.m3u8").unlink()
    with pytest.raises(NotReadable, match="none of its 3 playlists is a multivariant one"):
        FolderReader(broken / HIGH, ENTRIES)


async def test_a_server_with_a_certificate_of_its_own_is_trusted_by_its_authority(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    server = TestServer(site(good), scheme="https")
    await server.start_server(ssl=context)
    try:
        url = str(server.make_url("/play/asset"))
        assert await check_command(url, as_json=False, ca=trusted) == 0
        assert await check_command(url, as_json=False, ca=None) == 2
    finally:
        await server.close()
    assert "certificate" in capsys.readouterr().err


async def test_the_command_tells_what_it_looked_at(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await check_command(str(good), as_json=False, ca=None) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "main.m3u8: 2 variants"
    assert lines[1].startswith("  640x360/playlist.m3u8: video, avc1.64")
    assert lines[1].endswith("640x360, 3 segments, 16.000 s")
    assert lines[-2] == f"{len(RULES)} rules checked: all are kept"


async def test_the_command_groups_findings_and_its_status_tells_them(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(broken / HIGH / "playlist.m3u8", "#EXT-X-ENDLIST", "")
    rewrite(
        broken / "main.m3u8",
        "#EXT-X-MEDIA",
        '#EXT-X-CONTENT-STEERING:SERVER-URI="/s"\n#EXT-X-MEDIA',
    )
    assert await check_command(str(broken), as_json=False, ca=None) == 1
    output = capsys.readouterr().out
    must, _, should = output.partition("Should be mended:\n")
    assert "Must be mended:\n" in must
    sentence = f"{HIGH}/playlist.m3u8 has no EXT-X-ENDLIST."
    assert f"\n  endlist (rfc8216bis §4.4.3.4)\n    {sentence}\n" in must
    assert "  steering-start (authoring specification 9.18)\n" in should
    assert should.endswith(
        f"{len(RULES)} rules checked: 1 that must be kept is broken, "
        "1 that should be kept is broken\n"
    )


async def test_the_command_prints_json(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await check_command(str(good), as_json=True, ca=None) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"target": str(good), "rules": len(RULES), "findings": []}


def test_the_command_is_one_of_nearcast(good: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(good)])
    assert result.exit_code == 0
    assert result.output.endswith(f"{len(RULES)} rules checked: all are kept\n")


@pytest.mark.parametrize("target", ["nowhere", "http://127.0.0.1:1/main.m3u8"])
async def test_the_command_says_in_one_sentence_that_there_is_nothing(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = target if "://" in target else str(tmp_path / target)
    assert await check_command(name, as_json=False, ca=None) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Error: {name} cannot be checked: ")
    assert captured.err.count("\n") == 1
