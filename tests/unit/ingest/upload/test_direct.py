"""How large files are cut into parts that their clients send themselves."""

import pytest

from ingest.upload.direct import part_size, part_sizes

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (1, [1]),
        (16 * MIB, [16 * MIB]),
        (16 * MIB + 1, [16 * MIB, 1]),
        (40 * MIB, [16 * MIB, 16 * MIB, 8 * MIB]),
    ],
)
def test_every_part_but_the_last_is_full(size: int, sizes: list[int]) -> None:
    assert part_sizes(size) == sizes


@pytest.mark.parametrize("size", [10**9, 20 * 1024 * MIB, 10**12 + 1, 5 * 10**12])
def test_large_files_have_at_most_a_thousand_parts(size: int) -> None:
    sizes = part_sizes(size)
    assert len(sizes) <= 1000
    assert sum(sizes) == size
    assert part_size(size) % MIB == 0
