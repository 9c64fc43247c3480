"""Folders that are made to lead astray."""

import contextlib
import random
from pathlib import Path

import pytest

from ingest.check import (
    RULES,
    NotReadable,
    Severity,
    check,
)
from tests.integration.check.packages import HIGH, found, loaded, report_of, rewrite


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "../../../../../../../../../../etc/passwd",
        "%2e%2e/%2e%2e/%2e%2e/secret.m4s",
        "/etc/passwd",
        "data:video/mp4;base64,AAAA",
        "http://127.0.0.1:1/segment.m4s",
        "a\x01b.m4s",
        "http://[",
    ],
)
async def test_nothing_outside_of_the_folder_is_read(broken: Path, uri: str) -> None:
    (broken.parent / "secret.m4s").write_bytes((broken / HIGH / "01.m4s").read_bytes())
    rewrite(broken / HIGH / "playlist.m3u8", "01.m4s", uri)
    package = await loaded(broken)
    track = next(
        one for place, one in package.tracks.items() if place.endswith("640x360/playlist.m3u8")
    )
    assert [one is None for one in track.segments] == [False, True, False]
    assert {"inside-package", "uris-resolve"} & check(package).broken(Severity.MUST)


async def test_a_link_out_of_the_folder_is_not_followed(broken: Path) -> None:
    outside = broken.parent / "outside.m4s"
    (broken / HIGH / "01.m4s").rename(outside)
    (broken / HIGH / "01.m4s").symlink_to(outside)
    assert (await found(broken))["uris-resolve"] == f"{HIGH}/01.m4s is not in the folder."


async def test_a_link_to_itself_is_no_segment(broken: Path) -> None:
    path = broken / HIGH / "01.m4s"
    path.unlink()
    path.symlink_to(path)
    assert (await found(broken))["uris-resolve"].startswith(f"{HIGH}/01.m4s ")


async def test_playlists_that_lead_in_a_circle_end(broken: Path) -> None:
    rewrite(broken / "main.m3u8", f"{HIGH}/playlist.m3u8", "main.m3u8")
    assert "main.m3u8 is a multivariant playlist where" in (await found(broken))["whole"]


async def test_a_playlist_that_is_too_large_is_refused(broken: Path) -> None:
    with (broken / HIGH / "playlist.m3u8").open("ab") as file:
        file.truncate(9 << 20)
    assert "is larger than" in (await found(broken))["bounds"]


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"<html>"])
async def test_what_is_no_playlist_cannot_be_checked(broken: Path, content: bytes) -> None:
    (broken / "main.m3u8").write_bytes(content)
    with pytest.raises(NotReadable, match=r"main\.m3u8 cannot be checked: it is no playlist"):
        await loaded(broken)


async def test_a_package_with_bytes_of_chance_in_it_ends_in_findings(broken: Path) -> None:
    """Whatever a file holds, a check ends with a report or one sentence."""
    files = sorted(path for path in broken.rglob("*") if path.is_file())
    reports = 0
    for seed in range(300):
        chance = random.Random(seed)
        path = chance.choice(files)
        before = path.read_bytes()
        data = bytearray(before)
        for _ in range(chance.randrange(1, 12)):
            place = chance.randrange(min(len(data), 2000))
            data[place : place + chance.randrange(4)] = chance.randbytes(chance.randrange(5))
        path.write_bytes(data)
        with contextlib.suppress(NotReadable):
            reports += (await report_of(broken)).rules == len(RULES)
        path.write_bytes(before)
    assert reports > 200
