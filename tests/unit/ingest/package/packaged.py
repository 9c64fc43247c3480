"""Plans, what is packaged of them, and how it is read."""

from typing import Any

import m3u8

from common.hls import VideoRange
from ingest.package import Package
from ingest.plan.model import VideoCodec
from tests.unit.ingest.package.parts import all_parts
from tests.unit.ingest.package.plans import a_plan, ladder, subtitles, track

PLAN = a_plan()


SILENT = a_plan(audio=())


PARTS = all_parts(PLAN)


BEST = "h264-1080p"


HDR = ladder(VideoCodec.HEVC, VideoRange.PQ)


RICH = a_plan(
    video=ladder(half=True) + HDR + ladder(VideoCodec.AV1),
    audio=(
        track(opus=(96_000,)),
        track(1, language="de", label="Deutsch", default=False, opus=(96_000,)),
        track(2, language="de", label='"Audio" {$d}', default=False, opus=(96_000,)),
    ),
    texts=(
        subtitles(default=True),
        subtitles("subtitles-en-2", label="English (SDH)", hearing_impaired=True),
        subtitles("subtitles-de", language="de", label="Deutsch", forced=True),
    ),
    transport_stream=True,
)


RICH_PARTS = all_parts(RICH)


def texts(packaged: Package) -> dict[str, str]:
    return {playlist.key: playlist.text for playlist in packaged.playlists}


def read(packaged: Package, key: str = "main.m3u8") -> Any:
    return m3u8.loads(texts(packaged)[key])


def uris(packaged: Package, key: str = "main.m3u8") -> list[str]:
    return [one.uri.partition("/")[0] for one in read(packaged, key).playlists]
