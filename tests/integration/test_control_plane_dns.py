"""Routes as DNS answers, from a running control plane, over UDP and TCP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.asyncresolver
import dns.edns
import dns.flags
import dns.message
import pytest
from dns.rcode import Rcode

from common.errors import PortTaken, SettingsInvalid
from control_plane.app import main
from tests.integration.control_service import CLIENTS, Talk, control_plane, control_settings
from tests.servers.processes import free_ports
from tests.unit.control_plane.dns.packets import ZONE, asked, on_behalf_of, settings

HOST = "127.0.0.1"
ADDRESSES = {"eu-1": "192.0.2.11", "us-1": "198.51.100.11", "ap-1": "203.0.113.11"}

pytestmark = pytest.mark.usefixtures("geoip")


@dataclass(frozen=True)
class Names:
    """Asks a control plane for names, and talks to it as edges and ingest do."""

    talk: Talk
    port: int

    async def ask(self, name: str, kind: str = "A", **options: Any) -> dns.message.Message:
        """An answer over UDP."""
        query = dns.message.from_wire(asked(name, kind, **options))
        return await dns.asyncquery.udp(query, HOST, port=self.port, timeout=30)

    async def where(self, region: str, name: str = f"a.{ZONE}", kind: str = "A") -> list[str]:
        """What a client in a region is told, as text."""
        network = CLIENTS[region].removesuffix("1") + "0"
        told = await self.ask(name, kind, **on_behalf_of(network, 24))
        assert told.rcode() == Rcode.NOERROR
        return [str(record) for records in told.answer for record in records]

    async def fill(self, asset: str = "a", **urls: str) -> None:
        """Publishes an asset, which edges at ``urls`` hold."""
        await self.talk.publish(asset)
        for edge, url in urls.items():
            await self.talk.beat(edge.replace("_", "-"), url=url)
            await self.talk.hold(edge.replace("_", "-"), (asset, "1"))


@contextlib.asynccontextmanager
async def names_of(folder: Path, **changes: Any) -> AsyncIterator[Names]:
    (port,) = free_ports(1)
    given = settings(addresses=(HOST,), port=port, **changes)
    async with control_plane(control_settings(folder, dns=given)) as talk:
        yield Names(talk, port)


@pytest.fixture
async def names(tmp_path: Path) -> AsyncIterator[Names]:
    async with names_of(tmp_path) as running:
        yield running


@pytest.fixture
async def filled(names: Names) -> Names:
    urls = {name.replace("-", "_"): f"https://{text}:8443" for name, text in ADDRESSES.items()}
    await names.fill(**urls)
    return names


def framed(*packets: bytes) -> bytes:
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


async def read_one(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


@pytest.mark.parametrize(("region", "edge"), [("eu", "eu-1"), ("us", "us-1"), ("ap", "ap-1")])
async def test_dns_and_http_send_a_viewer_to_the_same_edge(
    filled: Names, region: str, edge: str
) -> None:
    assert (await filled.talk.route(CLIENTS[region]))[0]["edge_id"] == edge
    assert await filled.where(region) == [ADDRESSES[edge]]
    assert await filled.where(region, ZONE) == [ADDRESSES[edge]]


async def test_without_a_clients_network_the_resolvers_own_address_counts(filled: Names) -> None:
    nearest = (await filled.talk.route(HOST))[0]["edge_id"]
    plain = await filled.ask(f"a.{ZONE}")
    private = await filled.ask(f"a.{ZONE}", **on_behalf_of("0.0.0.0", 0))

    assert plain.answer == private.answer
    assert [str(record) for record in plain.answer[0]] == [ADDRESSES[nearest]]
    assert private.options == (dns.edns.ECSOption("0.0.0.0", 0, 0),)


async def test_an_asset_has_a_name_from_its_publish_on(filled: Names) -> None:
    missing = await filled.ask(f"FILM.{ZONE}")
    assert missing.rcode() == Rcode.NXDOMAIN
    assert missing.authority[0].ttl == 10

    await filled.talk.publish("Film")
    assert await filled.where("us", f"fILM.{ZONE}") == [ADDRESSES["us-1"]]


async def test_edges_with_names_are_aliases(names: Names) -> None:
    await names.fill(eu_1="https://eu-1.example.net:8443")

    assert await names.where("eu") == ["eu-1.example.net."]
    assert await names.where("eu", kind="HTTPS") == ["eu-1.example.net."]
    assert await names.where("eu", ZONE) == []


async def test_an_edge_that_drains_is_not_told(filled: Names) -> None:
    await filled.talk.beat("eu-1", ready=False, url=f"https://{ADDRESSES['eu-1']}:8443")

    assert await filled.where("eu") == [ADDRESSES["us-1"]]


async def test_without_an_edge_resolvers_are_to_come_back(names: Names) -> None:
    await names.talk.publish()
    for name in (f"a.{ZONE}", ZONE):
        told = await names.ask(name, use_edns=0)

        assert told.rcode() == Rcode.SERVFAIL
        assert told.options == (dns.edns.EDEOption(dns.edns.EDECode.NOT_READY),)


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("example.org", "A", Rcode.REFUSED),
        (ZONE, "AXFR", Rcode.REFUSED),
        (f"b.a.{ZONE}", "A", Rcode.NXDOMAIN),
        (ZONE, "SOA", Rcode.NOERROR),
    ],
)
async def test_a_stub_resolver_is_told_what_there_is(
    names: Names, name: str, kind: str, rcode: Rcode
) -> None:
    reader, writer = await asyncio.open_connection(HOST, names.port)
    writer.write(framed(asked(name, kind)))
    told = await read_one(reader)
    writer.close()

    assert told.rcode() == rcode


async def test_a_resolver_of_the_library_finds_an_edge(filled: Names) -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [HOST], filled.port
    resolver.use_edns(0, payload=1232, options=[dns.edns.ECSOption("203.0.113.0", 24)])
    for tcp in (False, True):
        found = await resolver.resolve(f"a.{ZONE}", "A", tcp=tcp, lifetime=30)

        assert [str(record) for record in found] == [ADDRESSES["ap-1"]]


async def test_queries_on_one_connection_are_answered_in_their_order(filled: Names) -> None:
    reader, writer = await asyncio.open_connection(HOST, filled.port)
    queries = [dns.message.make_query(f"a.{ZONE}", "A", id=number) for number in range(200)]
    everything = framed(*(query.to_wire() for query in queries))
    for place in range(0, len(everything), 1001):
        writer.write(everything[place : place + 1001])
        await writer.drain()
    writer.write_eof()

    assert [(await read_one(reader)).id for _ in queries] == list(range(200))
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_takes_no_answers_is_not_read_from(
    filled: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.dns.server.IDLE_FOR", 1.0)
    small = socket.socket(socket.AF_INET)
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect((HOST, filled.port))
    _, writer = await asyncio.open_connection(sock=small, limit=1024)
    queries = framed(*[asked(f"a.{ZONE}")] * 1000)

    async def ask_without_end() -> None:
        while True:
            writer.write(queries)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(ask_without_end(), 50)


@pytest.mark.parametrize(
    "sent",
    [
        framed(asked("a") * 300),
        b"\xff\xff",
        framed(dns.message.make_response(dns.message.make_query("a", "A")).to_wire()),
        framed(b""),
        framed(b"short"),
    ],
    ids=["too much", "too much to come", "an answer", "nothing", "too little"],
)
async def test_a_connection_on_which_no_query_comes_is_closed(names: Names, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(HOST, names.port)
    writer.write(sent)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_a_connection_on_which_nothing_comes_is_closed(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.dns.server.IDLE_FOR", 0.05)
    reader, writer = await asyncio.open_connection(HOST, names.port)
    writer.write(framed(asked(ZONE, "SOA"))[:-1])

    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_one_connection_too_many_ends_the_idlest(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.dns.server.MOST_CONNECTIONS", 2)
    streams = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection(HOST, names.port)
        writer.write(framed(asked(ZONE, "SOA")))
        await read_one(reader)
        streams.append((reader, writer))

    with contextlib.suppress(ConnectionError):
        assert await streams[0][0].read() == b""
    for reader, writer in streams[1:]:
        writer.write(framed(asked(ZONE, "SOA")))
        assert (await read_one(reader)).rcode() == Rcode.NOERROR
    for _, writer in streams:
        writer.close()


async def test_who_asks_too_much_over_udp_is_told_to_use_tcp(tmp_path: Path) -> None:
    async with names_of(tmp_path, responses_per_second=1) as names:
        cut = False
        async with asyncio.timeout(50):
            while not cut:
                with contextlib.suppress(dns.exception.Timeout):
                    query = dns.message.make_query(ZONE, "SOA")
                    told = await dns.asyncquery.udp(query, HOST, port=names.port, timeout=0.05)
                    cut = bool(told.flags & dns.flags.TC)
        told = await dns.asyncquery.tcp(query, HOST, port=names.port, timeout=30)

    assert told.answer


async def test_what_is_no_query_gets_no_answer_and_does_no_harm(filled: Names) -> None:
    answer = dns.message.make_response(dns.message.make_query("a", "A")).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((HOST, filled.port))
        one.setblocking(False)
        for packet in (b"", b"x", answer, asked("last")):
            one.send(packet)
        async with asyncio.timeout(30):
            told = await asyncio.get_running_loop().sock_recv(one, 4096)

    assert dns.message.from_wire(told).rcode() == Rcode.REFUSED
    assert await filled.where("eu") == [ADDRESSES["eu-1"]]
    _, metrics, _ = await filled.talk.call("GET", "/metrics")
    assert 'nearcast_dns_answers_total{rcode="none"} 3.0' in metrics
    assert 'nearcast_dns_answers_total{rcode="NOERROR"} 1.0' in metrics


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_that_is_taken_is_told(tmp_path: Path, kind: socket.SocketKind) -> None:
    (port,) = free_ports(1)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((HOST, port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        given = control_settings(tmp_path, dns=settings(addresses=(HOST,), port=port))
        with pytest.raises(PortTaken):
            await main(given, asyncio.Event())


async def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    given = control_settings(tmp_path, dns=settings(addresses=("192.0.2.53",), port=5353))
    with pytest.raises(SettingsInvalid, match=r"192\.0\.2\.53:5353"):
        await main(given, asyncio.Event())
