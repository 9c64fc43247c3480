"""Chunks: whole segments in a row, none of them too short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.plan.chunks import cut, safe_to_chunk
from tests.unit.ingest.media import media_info


@given(
    frame_count=st.integers(min_value=1, max_value=3000),
    groups=st.integers(min_value=1, max_value=10),
    interval=st.integers(min_value=1, max_value=120),
    chunk_segments=st.integers(min_value=1, max_value=60),
)
def test_what_always_holds(
    frame_count: int, groups: int, interval: int, chunk_segments: int
) -> None:
    segment_frames = groups * interval

    chunks = cut(
        frame_count,
        segment_frames=segment_frames,
        chunk_segments=chunk_segments,
        keyframe_interval=interval,
    )

    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert sum(chunk.frame_count for chunk in chunks) == frame_count
    frame = segment = 0
    for chunk in chunks:
        assert (chunk.first_frame, chunk.first_segment) == (frame, segment)
        assert chunk.first_frame == chunk.first_segment * segment_frames
        assert chunk.segment_count == -(-chunk.frame_count // segment_frames) > 0
        frame += chunk.frame_count
        segment += chunk.segment_count
    for chunk in chunks[:-1]:
        assert chunk.frame_count == chunk.segment_count * segment_frames
        assert chunk.segment_count <= 2 * chunk_segments
    if len(chunks) > 1:
        assert chunks[-1].frame_count >= interval


def test_chunks_are_about_as_long_as_asked_and_even() -> None:
    chunks = cut(18_000, segment_frames=180, chunk_segments=5, keyframe_interval=60)

    assert {chunk.segment_count for chunk in chunks} == {5}


def test_a_last_frame_of_its_own_joins_the_chunk_before() -> None:
    chunks = cut(361, segment_frames=180, chunk_segments=1, keyframe_interval=60)

    assert [chunk.frame_count for chunk in chunks] == [180, 181]
    assert [chunk.segment_count for chunk in chunks] == [1, 2]


def test_plain_sources_are_safe_to_chunk() -> None:
    assert safe_to_chunk(media_info())


@pytest.mark.parametrize(
    "media",
    [
        media_info(constant=False),
        media_info(exact=False),
        media_info(seekable=False),
        media_info(rotation=90),
        media_info(start=1.4),
        media_info(start=-2.0),
    ],
)
def test_sources_with_a_doubt_are_not(media: object) -> None:
    assert not safe_to_chunk(media)  # type: ignore[arg-type]  # parametrised, it is MediaInfo
