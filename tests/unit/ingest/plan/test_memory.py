"""How much memory an encode may take."""

from itertools import pairwise

import pytest

from ingest.jobs.queues import memory_class
from ingest.plan import PlanSettings, VideoCodec, plan
from ingest.plan.memory import encode_memory
from tests.unit.ingest.media import media_info

SDR, PQ = 1, 16


def needed(width: int, height: int, group: str = "h264", transfer: int = SDR) -> float:
    found = media_info(width=width, height=height, transfer=transfer)
    settings = PlanSettings(codecs=tuple(VideoCodec), first_seconds=60)
    planned = plan(found, settings, short=False)
    encoded = next(one for one in planned.groups if one.name == group)
    return encode_memory(found.video, planned, encoded)


@pytest.mark.parametrize(
    ("width", "height", "group", "gib"),
    [
        (320, 180, "h264", 1),
        (1920, 1080, "h264-first", 1),
        (1920, 1080, "h264", 2),
        (3840, 2160, "h264", 2),
        (1920, 1080, "hevc", 2),
        (1920, 1080, "av1", 4),
        (3840, 2160, "hevc", 8),
        (3840, 2160, "av1", 8),
    ],
)
def test_a_group_has_its_class_of_memory(width: int, height: int, group: str, gib: int) -> None:
    assert memory_class(needed(width, height, group)) == gib


def test_hdr_takes_twice_as_much_of_what_encoders_hold_of_pictures() -> None:
    assert needed(3840, 2160, "hevc", PQ) > 1.7 * needed(3840, 2160, "hevc")
    assert needed(3840, 2160, "h264", PQ) == needed(3840, 2160, "h264")


@pytest.mark.parametrize("group", ["hevc", "av1"])
def test_a_larger_picture_never_needs_less(group: str) -> None:
    sizes = [needed(width, width * 9 // 16, group) for width in range(160, 3840, 160)]

    # Where the table has a size that fits, the source's own is not encoded too.
    assert all(later >= 0.75 * before for before, later in pairwise(sizes))
    assert sizes[-1] > 10 * sizes[0]
