"""How the bytes of a large object are cut into parts."""

from collections.abc import AsyncIterator

import pytest

from origin.store.s3_upload import part_size, parts_of

MIB = 1024 * 1024


async def parts_from(*chunks: bytes) -> list[bytes]:
    async def given() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    parts = [part async for part in parts_of(given())]
    assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]
    return [bytes(part) for part, _ in parts]


@pytest.mark.parametrize(
    ("chunks", "sizes"),
    [
        ([], [0]),
        ([0], [0]),
        ([1], [1]),
        ([5 * MIB], [5 * MIB]),
        ([5 * MIB, 0], [5 * MIB]),
        ([5 * MIB + 1], [5 * MIB, 1]),
        ([10 * MIB], [5 * MIB, 5 * MIB]),
        ([3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB], [5 * MIB, 5 * MIB, 2 * MIB]),
    ],
)
async def test_every_part_but_the_last_is_full(chunks: list[int], sizes: list[int]) -> None:
    parts = await parts_from(*map(bytes, chunks))
    assert [len(part) for part in parts] == sizes


async def test_parts_joined_are_the_bytes() -> None:
    chunks = [bytes([number]) * 3_000_000 for number in range(7)]
    assert b"".join(await parts_from(*chunks)) == b"".join(chunks)


def test_parts_keep_to_the_limits_of_s3() -> None:
    sizes = [part_size(number) for number in range(1, 10_001)]
    assert min(sizes) >= 5 * MIB
    assert sum(sizes) > 160 * 1024 * MIB
    assert set(sizes[:8000]) == {5 * MIB}
    assert max(sizes) <= 64 * MIB
