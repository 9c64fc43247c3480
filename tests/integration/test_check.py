"""The checker over real packages: those that are good, those that are broken, and hostile ones."""

import asyncio
import contextlib
import gzip
import importlib
import json
import random
import shutil
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from click.testing import CliRunner

from deploy.check import ENTRIES, check_command
from deploy.command_line import main
from ingest.check import (
    RULES,
    FolderReader,
    HttpReader,
    NotReadable,
    Package,
    Report,
    Severity,
    check,
    check_parts,
    load,
)
from ingest.check.model import Container, Role
from ingest.package import Part, measure, package, part_name
from ingest.plan import PlanSettings, VideoCodec
from tests.integration import hls_package
from tests.integration.encoding import encode
from tests.integration.hls_package import FMP4, H264, HLS, INPUTS, copy, ffmpeg

HIGH = "640x360"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hls_package.make(tmp_path_factory.mktemp("hls") / "good")


@pytest.fixture
def broken(good: Path, tmp_path: Path) -> Path:
    return copy(good, tmp_path / "broken")


async def loaded(folder: Path) -> Package:
    reader = await asyncio.to_thread(FolderReader, folder, ENTRIES)
    return await load(reader, lambda _done, _total: None)


async def report_of(folder: Path) -> Report:
    return check(await loaded(folder))


async def found(folder: Path) -> dict[str, str]:
    """The first sentence of each broken rule."""
    report = await report_of(folder)
    return {one.rule: one.sentence for one in reversed(report.findings)}


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def test_a_good_package_breaks_no_rule(good: Path) -> None:
    package = await loaded(good)
    assert check(package).findings == ()
    roles = [track.role for track in package.tracks.values()]
    assert roles == [Role.VIDEO, Role.VIDEO, Role.AUDIO, Role.IFRAMES, Role.IFRAMES]
    assert all(None not in track.segments for track in package.tracks.values())


async def test_a_package_of_byte_ranges_is_read_by_them(broken: Path) -> None:
    for name in ("640x360", "416x234", "sound"):
        hls_package.join(broken / name)
    assert await found(broken) == {}


async def test_one_media_playlist_is_checked_on_its_own(good: Path) -> None:
    report = await report_of(good / HIGH / "playlist.m3u8")
    assert report.broken(Severity.MUST) == {"independent-segments"}


async def test_a_segment_that_is_not_there_is_missed(broken: Path) -> None:
    (broken / HIGH / "01.m4s").unlink()
    assert (await found(broken))["uris-resolve"] == f"{HIGH}/01.m4s is not in the folder."


async def test_a_segment_that_is_not_listed_is_missed(broken: Path) -> None:
    rewrite(broken / HIGH / "playlist.m3u8", "#EXTINF:6.000000,\n01.m4s\n", "")
    told = await found(broken)
    assert told["decode-times"] == (
        f"{HIGH}/playlist.m3u8: 02.m4s begins with a gap of 6.0000 s behind the segment before it."
    )
    assert told.keys() == {"decode-times"}


@pytest.mark.parametrize("keep", [0, 7, 500, -1])
async def test_a_truncated_segment_is_not_whole(broken: Path, keep: int) -> None:
    path = broken / HIGH / "01.m4s"
    path.write_bytes(path.read_bytes()[:keep])
    assert (await found(broken))["whole"].startswith(f"{HIGH}/01.m4s is not understood: ")


async def test_a_shifted_decode_time_is_a_gap(broken: Path) -> None:
    path = broken / HIGH / "02.m4s"
    data = bytearray(path.read_bytes())
    place = data.index(b"tfdt") + 8
    size = 8 if data[place - 4] else 4
    time = int.from_bytes(data[place : place + size], "big") + 512
    data[place : place + size] = time.to_bytes(size, "big")
    path.write_bytes(data)
    told = await found(broken)
    assert told.keys() == {"decode-times"}
    assert "02.m4s begins with a gap of 0.0400 s" in told["decode-times"]


async def test_a_wrong_bandwidth_is_measured(broken: Path) -> None:
    path = broken / "main.m3u8"
    stated = path.read_text().partition("STREAM-INF:BANDWIDTH=")[2].partition(",")[0]
    rewrite(path, f"INF:BANDWIDTH={stated}", f"INF:BANDWIDTH={int(stated) * 12 // 10}")
    told = await found(broken)
    assert told.keys() == {"bandwidth"}
    assert "+20.0% from the measured" in told["bandwidth"]
    assert stated in told["bandwidth"]


async def test_a_longer_picture_ends_within_another(broken: Path) -> None:
    path = broken / HIGH / "iframes.m3u8"
    length = path.read_text().partition("BYTERANGE:")[2].partition("@")[0]
    rewrite(path, f"{length}@", f"{int(length) + 1}@")
    assert await found(broken) == {
        "iframe-ranges": f"{HIGH}/iframes.m3u8: 00.m4s at byte {offset(path)} ends 1 bytes behind "
        "its I-frame, within another picture."
    }


def offset(path: Path) -> str:
    return path.read_text().partition("@")[2].partition("\n")[0]


async def test_a_lost_rendition_of_sound_is_told_of_itself(broken: Path) -> None:
    text = (broken / "sound" / "playlist.m3u8").read_text()
    start = text.rindex("#EXTINF")
    (broken / "sound" / "playlist.m3u8").write_text(f"{text[:start]}#EXT-X-ENDLIST\n")
    told = await found(broken)
    assert told.keys() == {"same-duration", "aligned-audio"}
    assert told["same-duration"].startswith("sound/playlist.m3u8 lasts -3.9")


async def test_a_segment_in_the_place_of_another_jumps_once(broken: Path) -> None:
    shutil.copyfile(broken / HIGH / "00.m4s", broken / HIGH / "01.m4s")
    report = await report_of(broken)
    jumps = [one.sentence for one in report.findings if one.rule == "decode-times"]
    length = "an overlap of 6.0000 s"
    assert jumps == [
        f"{HIGH}/playlist.m3u8: 01.m4s begins with {length} behind the segment before it."
    ]
    assert not {"frame-counts", "aligned-video", "same-duration"} & {
        one.rule for one in report.findings
    }


async def test_sound_where_pictures_are_promised_is_told_as_another_codec(broken: Path) -> None:
    shutil.copyfile(broken / "sound" / "init.mp4", broken / HIGH / "init.mp4")
    told = await found(broken)
    assert told["codecs"].startswith("main.m3u8: 640x360/playlist.m3u8 states avc1.64")
    assert not {"same-duration", "aligned-audio", "bandwidth", "frame-rate"} & told.keys()


async def test_a_segment_that_is_listed_as_a_gap_is_missing(broken: Path) -> None:
    rewrite(broken / HIGH / "playlist.m3u8", "#EXTINF:4", "#EXT-X-GAP\n#EXTINF:4")
    told = await found(broken)
    assert told["uris-resolve"] == (
        f"{HIGH}/playlist.m3u8 marks 1 of its segments with EXT-X-GAP as missing."
    )


async def test_a_group_without_members_is_told_once(broken: Path) -> None:
    path = broken / "main.m3u8"
    lines = path.read_text().split("\n")
    path.write_text("\n".join(line for line in lines if "TYPE=AUDIO" not in line))
    report = await report_of(broken)
    assert [one.rule for one in report.findings] == ["groups-exist"]
    assert "640x360/playlist.m3u8 and 1 more name the AUDIO group" in report.findings[0].sentence


# Packages of other tools.


async def test_a_lost_packet_of_a_transport_stream_is_missed(tmp_path: Path) -> None:
    ffmpeg(tmp_path, *INPUTS, *H264, "-c:a", "aac", *HLS, "index.m3u8")
    path = tmp_path / "index1.ts"
    data = path.read_bytes()
    middle = len(data) // 376 * 188
    path.write_bytes(data[:middle] + data[middle + 188 :])
    assert (await found(tmp_path))["whole"].startswith("index1.ts lacks packets: their count jumps")


@pytest.mark.parametrize(("encoder", "stated"), [("libmp3lame", "mp4a.40.34"), ("ac3", "ac-3")])
async def test_other_sound_in_transport_streams_is_known_by_name(
    encoder: str, stated: str, tmp_path: Path
) -> None:
    ffmpeg(
        tmp_path, *INPUTS, *H264, "-c:a", encoder, *HLS, "-master_pl_name", "main.m3u8", "v.m3u8"
    )
    assert stated in (tmp_path / "main.m3u8").read_text()
    assert "codecs" not in await found(tmp_path)


async def test_other_sound_in_mp4_is_measured(tmp_path: Path) -> None:
    ffmpeg(tmp_path, *INPUTS, "-map", "1:a", "-c:a", "eac3", *FMP4, "index.m3u8")
    package = await loaded(tmp_path)
    (track,) = package.tracks.values()
    assert (track.role, track.init and track.init.codec) == (Role.AUDIO, "ec-3")
    assert abs(track.duration - 16) < 1
    assert not check(package).broken(Severity.MUST) - {"stereo-aac"}


async def test_a_video_of_changing_rate_has_that_of_most_of_it(tmp_path: Path) -> None:
    lossy = ("-vf", "select='mod(n,20)'", "-fps_mode", "vfr")
    ffmpeg(tmp_path, *INPUTS, "-map", "0:v", *lossy, *H264, *FMP4, "index.m3u8")
    (track,) = (await loaded(tmp_path)).tracks.values()
    assert 1 / track.frame == 25


async def test_time_may_begin_anew_behind_a_discontinuity(tmp_path: Path) -> None:
    for flags in ("omit_endlist", "append_list"):
        ffmpeg(tmp_path, *INPUTS, *H264, "-c:a", "aac", *HLS[:4], "-hls_list_size", "0",
               "-hls_flags", flags, "index.m3u8")  # fmt: skip
    told = await found(tmp_path)
    assert "no-discontinuity" in told
    assert "decode-times" not in told


async def test_an_i_frame_playlist_of_whole_segments_has_more_than_one_picture(
    tmp_path: Path,
) -> None:
    ffmpeg(tmp_path, *INPUTS, "-map", "0:v", *H264, *HLS, "-hls_flags", "iframes_only", "i.m3u8")
    sentence = (await found(tmp_path))["iframe-ranges"]
    assert sentence == "i.m3u8: i0.ts has 150 pictures, not one. So it is with 2 more."


# What is given to the command.


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


async def test_a_discontinuity_is_told(broken: Path) -> None:
    rewrite(broken / HIGH / "playlist.m3u8", "#EXTINF:4", "#EXT-X-DISCONTINUITY\n#EXTINF:4")
    assert (await found(broken)).keys() == {"no-discontinuity"}


async def test_a_segment_that_only_claims_to_start_with_an_idr_is_seen_through(
    broken: Path,
) -> None:
    path = broken / HIGH / "01.m4s"
    data = bytearray(path.read_bytes())
    # The first slice stands behind the mdat box's header, in a NAL unit with a length of 4 bytes.
    place = data.index(b"mdat") + 4
    while data[place + 4] & 0x1F != 5:
        place += 4 + int.from_bytes(data[place : place + 4], "big")
    data[place + 4] = data[place + 4] & ~0x1F | 1
    path.write_bytes(data)
    assert (await found(broken))["starts-with-idr"] == (
        f"{HIGH}/playlist.m3u8: 01.m4s does not start with an IDR frame."
    )


async def test_segments_that_were_cut_anywhere_do_not_start_with_an_idr(tmp_path: Path) -> None:
    encode = (*INPUTS, "-map", "0:v", *H264, "-g", "400", *hls_package.FMP4)
    ffmpeg(tmp_path, *encode, "-hls_flags", "split_by_time", "playlist.m3u8")
    told = await found(tmp_path)
    assert "01.m4s does not start with an IDR frame" in told["starts-with-idr"]
    assert "key-frames" in told


async def test_an_i_frame_range_must_begin_at_a_moof_box(broken: Path) -> None:
    path = broken / HIGH / "iframes.m3u8"
    lines = path.read_text().split("\n")
    place = next(number for number, line in enumerate(lines) if "BYTERANGE" in line)
    size, _, offset = lines[place].partition(":")[2].partition("@")
    lines[place] = f"#EXT-X-BYTERANGE:{size}@{int(offset) + 1}"
    path.write_text("\n".join(lines))
    assert (await found(broken))["whole"].endswith("the range does not begin at a 'moof' box.")


async def test_transport_streams_are_looked_into(tmp_path: Path) -> None:
    encode = (*INPUTS, *H264, "-c:a", "aac", *HLS, "-hls_segment_filename", "%02d.ts")
    ffmpeg(tmp_path, *encode, "-master_pl_name", "main.m3u8", "playlist.m3u8")
    package = await loaded(tmp_path)
    (track,) = package.tracks.values()
    assert (track.role, track.container) == (Role.VIDEO, Container.TS)
    assert track.codecs == {"avc1", "mp4a"}
    assert [one.facts.sample_count for one in track.measured] == [150, 150, 100]
    assert float(track.duration) == 16
    assert not {"decode-times", "extinf", "whole", "starts-with-idr", "codecs"} & {
        one.rule for one in check(package).findings
    }
    (tmp_path / "01.ts").write_bytes((tmp_path / "01.ts").read_bytes()[:-100])
    told = await found(tmp_path)
    assert told["whole"].endswith("its size is no multiple of 188 bytes.")


async def test_a_transport_stream_of_sound_alone_is_counted(tmp_path: Path) -> None:
    encode = (*INPUTS, "-map", "1:a", "-c:a", "aac", *HLS, "-hls_segment_filename", "%02d.ts")
    ffmpeg(tmp_path, *encode, "playlist.m3u8")
    (track,) = (await loaded(tmp_path)).tracks.values()
    assert track.role is Role.AUDIO
    assert 16 <= float(track.duration) < 16.1


def add_subtitles(folder: Path, *, mapped: bool) -> None:
    """A rendition of subtitles beside those of ``folder``."""
    header = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n" if mapped else "WEBVTT\n\n"
    text = folder / "text"
    text.mkdir()
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:6", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number, seconds in enumerate((6, 6, 4)):
        cue = f"00:00:{6 * number + 1:02d}.000 --> 00:00:{6 * number + 3:02d}.000\nWords\n"
        (text / f"{number}.vtt").write_text(header + cue)
        lines += [f"#EXTINF:{seconds}.000,", f"{number}.vtt"]
    (text / "playlist.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    tag = (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English",LANGUAGE="en",'
        'URI="text/playlist.m3u8"\n#EXT-X-STREAM-INF'
    )
    path = folder / "main.m3u8"
    path.write_text(path.read_text().replace("#EXT-X-STREAM-INF", tag, 1))
    rewrite(path, ',AUDIO="aac"', ',AUDIO="aac",SUBTITLES="text"')


async def test_subtitles_need_a_map_to_the_clock_of_the_video(good: Path, tmp_path: Path) -> None:
    add_subtitles(copy(good, tmp_path / "with"), mapped=True)
    add_subtitles(copy(good, tmp_path / "without"), mapped=False)
    assert await found(tmp_path / "with") == {}
    assert await found(tmp_path / "without") == {
        "webvtt": "text/playlist.m3u8: 0.vtt has no X-TIMESTAMP-MAP, nor have 2 more."
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("-map", "1:a", "-map", "0:v", *H264, "-c:a", "aac"),
            "has its pictures behind another track",
        ),
        (("-map", "0:v", "-c:v", "mpeg4"), "has the codec 'mp4v', which is not looked into"),
    ],
)
async def test_what_is_not_understood_is_said(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    ffmpeg(tmp_path, *INPUTS, *options, *hls_package.FMP4, "playlist.m3u8")
    assert told in (await found(tmp_path))["understood"]


async def test_what_is_encrypted_is_not_looked_into(broken: Path) -> None:
    key = '#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF'
    path = broken / HIGH / "playlist.m3u8"
    path.write_text(path.read_text().replace("#EXTINF", key, 1))
    assert (await found(broken))["understood"] == (
        f"{HIGH}/00.m4s is encrypted and not looked into. So it is with 2 more."
    )


async def test_real_footage_cut_by_ffmpeg_alone_is_not_up_to_the_rules(
    tmp_path: Path, footage: Path
) -> None:
    """Key frames where the encoder likes, no word on frame rates, and no I-frame playlists."""
    encode = ("-i", str(footage / "bigbuckbunny.mp4"), "-c", "copy", *HLS)
    ffmpeg(tmp_path, *encode, "-master_pl_name", "main.m3u8", "playlist.m3u8")
    report = await report_of(tmp_path)
    assert {"frame-rate-present", "iframes-present"} <= report.broken(Severity.MUST)


async def test_what_the_pipeline_makes_keeps_every_rule_that_must_be_kept(
    tmp_path: Path, footage: Path
) -> None:
    """What is said before publishing, of what was measured, is what the bytes say afterwards."""
    settings = PlanSettings(
        codecs=(VideoCodec.H264, VideoCodec.HEVC),
        transport_stream=True,
        segment_seconds=2,
        chunk_seconds=4,
    )
    encoded = await encode(footage / "bikes.mp4", tmp_path / "work", settings)
    folder = tmp_path / "package"
    parts = await asyncio.to_thread(laid_out, tmp_path / "work", folder)
    made = package(encoded.plan, parts, title="Bikes", steering="https://example.org/steering")
    playlists = {one.key: one.text for one in made.playlists}
    for key, text in playlists.items():
        (folder / key).write_text(text)
    before, after = check_parts(playlists, parts), await report_of(folder)
    before.require()
    after.require()
    assert before.broken(Severity.SHOULD) == after.broken(Severity.SHOULD)
    tracks = (await loaded(folder)).tracks.values()
    assert {one.container for one in tracks} == {Container.FMP4, Container.TS}


def laid_out(work: Path, folder: Path) -> dict[str, list[Part]]:
    """The parts that tasks made in folders of ``work``, put where playlists look for them."""
    parts: dict[str, list[Part]] = {}
    for task in sorted(work.iterdir()):
        number = int(task.name[1:]) if task.name.startswith("c") else 0
        name = part_name(number, 1)
        renditions = sorted(path.name for path in task.iterdir() if path.is_dir())
        for rendition, facts in measure(task, renditions).items():
            parts.setdefault(rendition, []).append(Part(name, facts))
            (folder / rendition).mkdir(parents=True, exist_ok=True)
            (task / rendition).rename(folder / rendition / name)
    return parts


# Folders that mean harm.


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


# Servers, good and hostile.

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def site(folder: Path) -> web.Application:
    """A server of ``folder`` below /v/asset/version/, and a redirect to it."""
    application = web.Application()

    async def play(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/v/asset/version/main.m3u8")

    application.router.add_get("/play/asset", play)
    application.router.add_static("/v/asset/version", folder)
    return application


async def over_http(server: BaseTestServer, path: str = "/play/asset") -> Package:
    async with HttpReader(str(server.make_url(path)), None) as reader:
        return await load(reader, lambda _done, _total: None)


async def test_a_server_is_checked_like_a_folder(good: Path, broken: Path) -> None:
    path = broken / HIGH / "01.m4s"
    path.write_bytes(path.read_bytes()[:-1])
    for folder in (good, broken):
        async with TestServer(site(folder)) as server:
            package = await over_http(server)
        assert check(package) == await report_of(folder)


async def test_byte_ranges_are_asked_of_a_server(broken: Path) -> None:
    for name in ("640x360", "416x234", "sound"):
        hls_package.join(broken / name)
    async with TestServer(site(broken)) as server:
        assert check(await over_http(server)).findings == ()


async def answered(good: Path, path: str, handler: Handler) -> dict[str, str]:
    """What is found where a server of a good package answers one path with ``handler``."""
    application = web.Application()
    application.router.add_get(f"/v/asset/version/{path}", handler)
    application.router.add_static("/v/asset/version", good)
    async with TestServer(application) as server:
        package = await over_http(server, "/v/asset/version/main.m3u8")
    return {one.rule: one.sentence for one in reversed(check(package).findings)}


async def test_compressed_playlists_are_read(good: Path) -> None:
    async def handler(_request: web.Request) -> web.Response:
        body = gzip.compress((good / HIGH / "playlist.m3u8").read_bytes())
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    assert await answered(good, f"{HIGH}/playlist.m3u8", handler) == {}


async def test_a_playlist_that_grows_out_of_gzip_is_refused(good: Path) -> None:
    bomb = gzip.compress(b"#EXTM3U\n" + b"\n" * (100 << 20))

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    told = await answered(good, f"{HIGH}/playlist.m3u8", handler)
    assert told["bounds"] == f"{HIGH}/playlist.m3u8 is larger than 4194304 bytes."


async def test_a_segment_without_end_is_left(good: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 20))

    told = await answered(good, f"{HIGH}/01.m4s", handler)
    assert told["bounds"] == f"{HIGH}/01.m4s is larger than 67108864 bytes."


async def test_redirects_to_other_servers_are_not_followed(good: Path) -> None:
    async def handler(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/secret")

    assert await answered(good, f"{HIGH}/01.m4s", handler) == {
        "understood": f"{HIGH}/01.m4s leads to another server, which is not asked."
    }


async def test_redirects_on_the_same_server_are_followed(good: Path) -> None:
    async def handler(request: web.Request) -> web.FileResponse:
        if "signed" not in request.query:
            raise web.HTTPFound(f"{request.path}?signed=yes")
        return web.FileResponse(good / HIGH / "01.m4s")

    assert await answered(good, f"{HIGH}/01.m4s", handler) == {}


async def test_a_server_that_is_silent_is_left_alone(good: Path, broken: Path) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    lines = "".join(f"#EXTINF:6,\n{number}.m4s\n" for number in range(100))
    rewrite(broken / HIGH / "playlist.m3u8", "#EXT-X-ENDLIST", f"{lines}#EXT-X-ENDLIST")
    for name in ("416x234", "sound"):
        rewrite(broken / "main.m3u8", f"{name}/playlist.m3u8", f"{HIGH}/playlist.m3u8")
    application = web.Application()
    application.router.add_get("/v/asset/version/{path:.*m4s}", handler)
    application.router.add_static("/v/asset/version", broken)
    async with TestServer(application) as server:
        package = await over_http(server, "/v/asset/version/main.m3u8")
    told = [one.sentence for one in check(package).findings if one.rule == "uris-resolve"]
    assert any("is not asked for: the server did not answer before" in one for one in told)
    assert len(set(asked)) < 40


async def test_playlists_that_are_too_long_together_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.import_module("ingest.check.load"), "MOST_LINES", 1000)
    bomb = gzip.compress(b"#EXTM3U\n" + b"#EXT-X-A\n" * 380)
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async def entry(_request: web.Request) -> web.Response:
        lines = "".join(f"#EXT-X-STREAM-INF:BANDWIDTH=1\n{n}.m3u8\n" for n in range(100))
        return web.Response(text=f"#EXTM3U\n{lines}")

    application = web.Application()
    application.router.add_get("/main.m3u8", entry)
    application.router.add_get("/{name}", handler)
    async with TestServer(application) as server:
        package = await over_http(server, "/main.m3u8")
    (sentence,) = {
        one.sentence.partition(" ")[2] for one in check(package).findings if one.rule == "bounds"
    }
    assert sentence.startswith("is one too many: playlists have over 1000 lines together")
    assert len(asked) < 20


async def test_redirects_in_a_circle_end(good: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.path)

    told = await answered(good, f"{HIGH}/01.m4s", handler)
    assert told["uris-resolve"] == f"{HIGH}/01.m4s is redirected more than 5 times."


async def test_other_servers_are_not_asked(good: Path, broken: Path) -> None:
    asked = []

    async def other(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    stranger = web.Application()
    stranger.router.add_get("/{path:.*}", other)
    async with TestServer(stranger) as elsewhere, TestServer(site(broken)) as server:
        rewrite(broken / "main.m3u8", "sound/playlist", f"{elsewhere.make_url('/')}playlist")
        rewrite(broken / HIGH / "playlist.m3u8", "01.m4s", f"{elsewhere.make_url('/')}01.m4s")
        report = check(await over_http(server))
    assert asked == []
    away = [one.sentence for one in report.findings if one.rule == "inside-package"]
    assert len(away) == 2
    assert all(one.endswith("which is not in the package.") for one in away)


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


# The command.


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
