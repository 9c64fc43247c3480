"""Which tasks a worker takes."""

import math

import pytest

from ingest.jobs.queues import (
    GIB,
    KINDS,
    MEMORY_CLASSES,
    encode_queue,
    memory_class,
    queues_of,
    shelf,
    shelves_of,
)


def test_a_worker_that_takes_all_takes_every_codec_it_knows() -> None:
    assert queues_of(KINDS, ["h264"]) == ("light", "filter", "audio", "encode.h264")


def test_a_worker_that_encodes_nothing_has_no_queue_of_a_codec() -> None:
    assert queues_of(["light", "audio"], ["h264"]) == ("light", "audio")


def test_a_worker_that_encodes_takes_the_codecs_it_names() -> None:
    assert queues_of(["encode"], ["h264", "av1"]) == ("encode.h264", "encode.av1")


@pytest.mark.parametrize(
    ("needed", "expected"), [(0, 1), (GIB, 1), (GIB + 1, 2), (3 * GIB, 4), (500 * GIB, 32)]
)
def test_memory_is_rounded_up_to_a_class(needed: float, expected: int) -> None:
    assert memory_class(needed) == expected


def test_a_worker_takes_only_from_shelves_that_fit() -> None:
    assert shelves_of(["audio"], 4.5) == ("audio/1", "audio/2", "audio/4")
    assert shelves_of(["audio"], 0.5) == ()


def test_a_worker_without_a_bound_takes_from_every_shelf() -> None:
    shelves = shelves_of([encode_queue("h264")], math.inf)
    assert shelves == tuple(shelf("encode.h264", size) for size in MEMORY_CLASSES)
