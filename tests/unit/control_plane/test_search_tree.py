"""The search tree leads where the library's reader goes, with records of every size."""

import contextlib
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Final

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maxminddb.reader import Metadata

from control_plane.geoip import GeoDatabase, network_of, place_of
from control_plane.routing.clients import Address
from control_plane.search_tree import SEPARATOR, SearchTree
from tests.servers.parts import GEOIP_CITIES, GEOIP_COUNTRIES, installed
from tests.unit.control_plane.databases import write_database

FOURS: Final = ("10.0.0.0/8", "10.1.2.0/24", "10.1.2.128/31", "192.0.2.1/32", "198.0.0.0/7")
SIXES: Final = ("2001:db8::/32", "2001:db8:0:5::/64", "2001:db8:ffff::/97", "fd00::1/128")

FOUR: Final = st.integers(0, 2**32 - 1).map(IPv4Address)
SIX: Final = st.one_of(
    st.integers(0, 2**128 - 1).map(IPv6Address),
    # What is given out.
    st.integers(0, 2**125 - 1).map(lambda number: IPv6Address((1 << 125) + number)),
)


def around(networks: tuple[str, ...]) -> list[Address]:
    """The addresses at both ends of networks, within and without."""
    found: list[Address] = []
    for network in map(ip_network, networks):
        first, last = network.network_address, network.broadcast_address
        found += [first - 1, first, last]
        found += [last + 1] if int(last) + 1 < 2**network.max_prefixlen else []
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("bits", [24, 28, 32])
def test_the_tree_leads_where_the_library_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int, version: int
) -> None:
    monkeypatch.setattr(
        "mmdb_writer.TreeWriter._adjust_record_size",
        lambda writer: setattr(writer, "record_size", bits),
    )
    networks = FOURS if version == 4 else (*FOURS, *SIXES)
    records = {network: {"asn": number} for number, network in enumerate(networks, start=1)}
    path = write_database(tmp_path / "small.mmdb", records, version=version)
    database = GeoDatabase(path, network_of)

    with maxminddb.open_database(path, maxminddb.MODE_MEMORY) as reader:
        assert reader.metadata().record_size == bits
        for address in around(networks):
            record = reader.get(address)
            found = database.find(address)
            assert (None if found is None else {"asn": found.asn}) == record, address


Both = tuple[GeoDatabase, maxminddb.Reader]
"""A database, and the library's reader of the same file."""


@pytest.fixture(scope="module")
def real() -> Iterator[list[Both]]:
    """Those of cities by IPv4 and by IPv6, and one of countries by both."""
    with contextlib.ExitStack() as stack:
        paths = [installed(path) for path in (*GEOIP_CITIES, GEOIP_COUNTRIES)]
        yield [
            (
                GeoDatabase(path, place_of),
                stack.enter_context(maxminddb.open_database(path, maxminddb.MODE_MMAP)),
            )
            for path in paths
        ]


@given(FOUR, SIX)
def test_real_databases_tell_what_the_library_reads_in_them(
    real: list[Both], four: Address, six: Address
) -> None:
    cities_four, cities_six, countries = real
    asked = ((cities_four, four), (cities_six, six), (countries, four), (countries, six))
    for (database, reader), address in asked:
        record = reader.get(address)
        assert database.find(address) == (place_of(record) if isinstance(record, dict) else None)


@st.composite
def trees(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """How many bits a record has, and the nodes: of any tree, and of what is none."""
    bits = draw(st.sampled_from([24, 28, 32]))
    nodes = draw(st.integers(1, 300))
    record = st.one_of(st.integers(0, nodes + 40), st.integers(0, 2**bits - 1))
    chosen = st.lists(st.tuples(record, record), min_size=1, max_size=8)
    some = draw(chosen)
    # Each node leads somewhere near, and some lead where they like.
    chain = [(min(number + 1, nodes), nodes + SEPARATOR + number) for number in range(nodes)]
    for place, node in enumerate(some):
        chain[place * 37 % nodes] = node
    return bits, chain


def written(bits: int, nodes: list[tuple[int, int]]) -> bytes:
    """The nodes, as the specification has them."""
    if bits != 28:
        size = bits // 8
        return b"".join(each.to_bytes(size, "big") for node in nodes for each in node)
    return b"".join(
        (left & 0xFFFFFF).to_bytes(3, "big")
        + bytes((left >> 24 << 4 | right >> 24,))
        + (right & 0xFFFFFF).to_bytes(3, "big")
        for left, right in nodes
    )


def led(nodes: list[tuple[int, int]], number: int, bits: int) -> int | None:
    """Where a number leads, a bit at a time."""
    at = 0
    for shift in range(bits - 1, -1, -1):
        if at < len(nodes):
            at = nodes[at][number >> shift & 1]
    if at == len(nodes):
        return None
    behind = at - len(nodes) - SEPARATOR
    return behind if behind >= 0 else -1


@settings(max_examples=50)
@given(trees(), FOUR, SIX)
def test_any_tree_leads_where_its_bits_say_or_nowhere(
    tree: tuple[int, list[tuple[int, int]]], four: IPv4Address, six: IPv6Address
) -> None:
    bits, nodes = tree
    metadata = Metadata(
        binary_format_major_version=2,
        binary_format_minor_version=0,
        build_epoch=0,
        database_type="test",
        description={},
        ip_version=6,
        languages=[],
        node_count=len(nodes),
        record_size=bits,
    )
    found = SearchTree(written(bits, nodes), metadata)
    for address in (four, six):
        expected = led(nodes, int(address), 128)
        if expected == -1:
            with pytest.raises(ValueError, match="leads nowhere"):
                found.find(address)
        else:
            assert found.find(address) == expected
