"""Broken videos end as published or with one sentence: a part of what `make fuzz-uploads` tries."""

from pathlib import Path

import pytest

from tests.fuzz import mutation, service, uploads
from tests.unit.ingest.clips import jpegs
from tests.unit.ingest.crafting import avi, swollen

SEED = 5


@pytest.mark.parametrize("number", range(2))
async def test_broken_videos_are_inspected_and_encoded_within_limits(
    number: int, tmp_path: Path
) -> None:
    endings = [
        await uploads.meet(mutant, tmp_path) for mutant in mutation.mutants(26, SEED + number)
    ]

    assert "encoded" in endings
    assert len(set(endings)) > 3


def test_a_service_takes_broken_videos_and_keeps_nothing_of_those_that_fail() -> None:
    endings = service.fuzz(26, SEED)

    assert endings.total() == 26
    assert endings["done: published"] > 0
    assert len(endings) > 2


def test_the_same_seed_makes_the_same_files() -> None:
    assert list(mutation.mutants(30, SEED)) == list(mutation.mutants(30, SEED))


def test_every_kind_of_change_is_made() -> None:
    names = " ".join(mutant.name for mutant in mutation.mutants(130, SEED))

    assert all(change in names for change in mutation.CHANGES)
    assert all(name in names for name, _ in mutation.CORPUS)


async def test_pictures_that_grow_behind_the_first_are_not_decoded(tmp_path: Path) -> None:
    grown = avi([jpegs()[0], *swollen(jpegs(), 15_000)], b"")

    assert await uploads.meet(mutation.Mutant("grown", grown), tmp_path) == "encode failed"
