"""Packages of which one thing is broken: it is found, by the rule that it breaks."""

import shutil
from pathlib import Path

import pytest

from ingest.check import (
    Severity,
    check,
)
from ingest.check.model import Role
from tests.integration import hls_package
from tests.integration.check.packages import HIGH, found, loaded, report_of, rewrite
from tests.integration.hls_package import copy


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


async def test_an_i_frame_range_must_begin_at_a_moof_box(broken: Path) -> None:
    path = broken / HIGH / "iframes.m3u8"
    lines = path.read_text().split("\n")
    place = next(number for number, line in enumerate(lines) if "BYTERANGE" in line)
    size, _, offset = lines[place].partition(":")[2].partition("@")
    lines[place] = f"#EXT-X-BYTERANGE:{size}@{int(offset) + 1}"
    path.write_text("\n".join(lines))
    assert (await found(broken))["whole"].endswith("the range does not begin at a 'moof' box.")


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
