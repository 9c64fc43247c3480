"""Records are read as the library reads them, and what is no record ends soon and in one way."""

import struct
from pathlib import Path
from typing import Any, Final

import maxminddb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.data_section import AT_MOST, DataSection
from control_plane.search_tree import SEPARATOR, SearchTree
from tests.unit.control_plane.databases import write_database

WANTED: Final = ("city", "en", "latitude", "location", "asn")
DAMAGED: Final = (ValueError, LookupError, struct.error, RecursionError)

NUMBERS: Final = st.one_of(st.integers(0, 2**64 - 1), st.floats(allow_nan=False), st.booleans())
TEXTS: Final = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    # Sizes that are told by one, two and three bytes.
    st.sampled_from(["x" * 29, "y" * 285, "y" * 284, "é" * 32_950]),
)
KEYS: Final = st.sampled_from([*WANTED, "names", "postal", "a key that nobody asks for"])
VALUES: Final = st.recursive(
    st.one_of(NUMBERS, TEXTS),
    lambda inner: st.one_of(st.dictionaries(KEYS, inner, max_size=4), st.lists(inner, max_size=40)),
    max_leaves=12,
)


def wanted(value: Any) -> Any:
    """What is read of a value."""
    if isinstance(value, dict):
        return {key: wanted(each) for key, each in value.items() if key in WANTED}
    return None if isinstance(value, list | bool | bytes) else value


# A text whose size takes three bytes is worth an example that is long to print.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), min_size=1, max_size=4))
def test_what_is_wanted_is_read_as_the_library_reads_it(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    named = {f"10.{number}.0.0/16": record for number, record in enumerate(records)}
    path = write_database(tmp_path / "records.mmdb", named, version=4)
    content = path.read_bytes()
    with maxminddb.open_database(path, maxminddb.MODE_MEMORY) as reader:
        metadata = reader.metadata()
        tree = SearchTree(content, metadata)
        section = DataSection(content[metadata.search_tree_size + SEPARATOR :], WANTED)
        # The second time, keys are known by their pointers.
        for _ in range(2):
            for network, record in reader:
                begin = tree.find(network.network_address)
                assert begin is not None
                assert section.read(begin) == wanted(record)


def key(text: str) -> bytes:
    return bytes((0x40 | len(text),)) + text.encode()


MANY: Final = b"\xff\xff\xff\xff"
"""Of a map: that it has 16,843,036 entries."""

BROKEN: Final = {
    "nothing": b"",
    "a map without its entries": b"\xe2",
    "a value that is missing": b"\xe1" + key("city"),
    "a map that contains itself": b"\xe1" + key("city") + b"\x20\x00",
    "a pointer to itself": b"\x20\x00",
    "a pointer behind the end": b"\x2f\xff",
    "a pointer that is cut": b"\x38\x00",
    "a key that is a number": b"\xe1\xa1\x01\xa1\x01",
    "more entries than there may be": MANY + b"\xa1\x01" * 200_000,
    "more to pass over than there may be": b"\xe1" + key("x") + MANY + b"\xa1\x01" * 200_000,
    "a list of lists to pass over": b"\xe1" + key("x") + b"\x1f\x04\xff\xff\xff" * 40_000,
    "a number that is too long": b"\xb5\xff" + b"\x01" * 300,
    "a double of three bytes": b"\x63abc",
    "a text that is none": b"\x42\xff\xfe",
    "too long a text": b"\x5f\xff\xff\xff" + b"x" * (AT_MOST + 17_000_000),
    "a kind that there is not": b"\x01\xff",
    "nested deeply": (b"\xe1" + key("city")) * 20_000 + b"\xa1\x01",
}


@pytest.mark.parametrize("told", BROKEN)
def test_what_is_broken_or_too_much_is_told(told: str) -> None:
    with pytest.raises(DAMAGED):
        DataSection(BROKEN[told], WANTED).read(0)


def test_maps_that_contain_one_another_twice_end_soon() -> None:
    section, begin = b"\xe0", 0
    for _ in range(60):
        pointer = bytes((0x20 | begin >> 8, begin & 255))
        begin = len(section)
        section += b"\xe2" + key("city") + pointer + key("en") + pointer

    with pytest.raises(ValueError, match="too much in it"):
        DataSection(section, WANTED).read(begin)


@given(st.binary(max_size=60), st.integers(0, 70))
def test_whatever_the_bytes_are_they_are_read_or_damaged(section: bytes, begin: int) -> None:
    reading = DataSection(section, WANTED)
    for _ in range(2):
        try:
            reading.read(begin)
        except DAMAGED:
            continue
