"""Packages that others have made, and all that the pipeline makes."""

import asyncio
from pathlib import Path

import pytest

from ingest.check import (
    Severity,
    check,
    check_parts,
)
from ingest.check.model import Container, Role
from ingest.package import Part, measure, package, part_name
from ingest.plan import PlanSettings, VideoCodec
from tests.integration import hls_package
from tests.integration.check.packages import (
    HIGH,
    found,
    loaded,
    report_of,
)
from tests.integration.encoding import encode
from tests.integration.hls_package import FMP4, H264, HLS, INPUTS, ffmpeg


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


async def test_segments_that_were_cut_anywhere_do_not_start_with_an_idr(tmp_path: Path) -> None:
    encode = (*INPUTS, "-map", "0:v", *H264, "-g", "400", *hls_package.FMP4)
    ffmpeg(tmp_path, *encode, "-hls_flags", "split_by_time", "playlist.m3u8")
    told = await found(tmp_path)
    assert "01.m4s does not start with an IDR frame" in told["starts-with-idr"]
    assert "key-frames" in told


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
