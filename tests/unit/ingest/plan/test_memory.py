"""How much memory an encode may take."""

import pytest

from ingest.jobs.queues import memory_class
from ingest.plan import PlanSettings, VideoCodec, plan
from ingest.plan.memory import encode_memory
from tests.unit.ingest.media import media_info


def needed(width: int, height: int, codec: VideoCodec = VideoCodec.H264) -> float:
    found = media_info(width=width, height=height)
    planned = plan(found, PlanSettings(codecs=(codec,), first_seconds=None), short=False)
    group = next(group for group in planned.groups if group.codec is codec)
    return encode_memory(found.video, planned, group)


@pytest.mark.parametrize(
    ("width", "height", "gib"), [(320, 180, 1), (1920, 1080, 1), (3840, 2160, 2), (7680, 4320, 4)]
)
def test_a_size_has_its_class_of_memory(width: int, height: int, gib: int) -> None:
    assert memory_class(needed(width, height)) == gib


def test_a_larger_picture_never_needs_less() -> None:
    sizes = [needed(width, width * 9 // 16) for width in range(160, 8000, 160)]
    assert sizes == sorted(sizes)
