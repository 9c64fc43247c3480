"""How many DNS queries a second of one core's time answers, over UDP and TCP.

    python -m tests.bench.dns [--seconds N] [--edges N] [--assets N]

`nearcast control` runs as a process of its own, with edges in four regions and a GeoIP database.
Queries are for assets in turn, on behalf of networks in turn (EDNS client subnet), each sent when
the one before it on its socket is answered. What is told is queries by the control plane's CPU
time: the clients may have the other core.
"""

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import dns.edns
import dns.message
import uvloop
from dns.rcode import Rcode

from common.messages import encode
from deploy.up.geography import PLACES, ensure_database
from tests.integration.fleet_service import Role
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement, heartbeat, holdings

HOST = "127.0.0.1"
ZONE = "play.example.org"
SOCKETS = 16
TICKS = os.sysconf("SC_CLK_TCK")
TOKENS = {"operator": "operator-token-for-benchmarks", "ingest": "ingest-token-for-benchmarks"}


def settings(folder: Path, port: int, names: int) -> dict[str, Any]:
    """Those of the control plane."""
    return {
        "listen": {"host": HOST, "port": port},
        "database": {"sqlite": str(folder / "control.sqlite")},
        "geoip": [str(folder / "geoip.mmdb")],
        "log_level": "warning",
        "heartbeat_timeout": 3600.0,
        "regions": [
            {"name": p.region, "title": p.title, "latitude": p.latitude, "longitude": p.longitude}
            for p in PLACES
        ],
        "credentials": [
            {"name": name, "token": token, "roles": [name]} for name, token in TOKENS.items()
        ],
        "dns": {
            "port": names,
            "zone": ZONE,
            "name_servers": [{"name": f"ns.{ZONE}", "addresses": ["192.0.2.53"]}],
            "contact": "hostmaster@example.org",
            "responses_per_second": 1_000_000,
        },
    }


async def fill(port: int, edges: int, assets: int) -> None:
    """Has so many edges hold so many assets."""
    names = [f"asset-{number}" for number in range(assets)]
    async with aiohttp.ClientSession(f"http://{HOST}:{port}") as session:

        async def tell(method: str, path: str, who: str, message: Any) -> None:
            headers = {"Authorization": f"Bearer {TOKENS[who]}"}
            answer = await session.request(method, path, data=encode(message), headers=headers)
            assert answer.ok, await answer.text()

        for name in names:
            await tell("POST", "/v1/packages", "ingest", announcement(name))
        for number in range(edges):
            edge = f"{PLACES[number % len(PLACES)].region}-{number}"
            url = f"https://192.0.2.{number % 250 + 1}"
            path = f"/v1/edges/{edge}"
            # An operator may speak for every edge.
            await tell("POST", f"{path}/heartbeat", "operator", heartbeat(edge, url=url))
            held = holdings(edge, *((name, "1") for name in names))
            await tell("PUT", f"{path}/holdings", "operator", held)


def queries(assets: int) -> Iterator[bytes]:
    """Packets, for ever."""
    networks = ["192.0.2.0", "198.51.100.0", "203.0.113.0", "198.18.7.0"]
    made = [
        dns.message.make_query(
            f"aSSet-{number % assets}.{ZONE}",
            "A",
            use_edns=0,
            payload=1232,
            options=[dns.edns.ECSOption(networks[number % len(networks)], 24)],
        ).to_wire()
        for number in range(4 * assets)
    ]
    return itertools.cycle(made)


class Asking(asyncio.DatagramProtocol):
    """Asks again and again."""

    def __init__(self, packets: Iterator[bytes]) -> None:
        self._packets = packets
        self.answered = 0
        self.last = b""
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # what UDP has
        self.transport = transport
        transport.sendto(next(self._packets))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answered += 1
        self.last = data
        self.transport.sendto(next(self._packets))


async def over_udp(port: int, packets: Iterator[bytes], seconds: float) -> int:
    """How many are answered."""
    loop = asyncio.get_running_loop()
    asking = [
        (await loop.create_datagram_endpoint(lambda: Asking(packets), remote_addr=(HOST, port)))[1]
        for _ in range(SOCKETS)
    ]
    await asyncio.sleep(seconds)
    for each in asking:
        each.transport.close()
        check(each.last)
    return sum(each.answered for each in asking)


async def over_tcp(port: int, packets: Iterator[bytes], seconds: float) -> int:
    """The same over connections that stay."""
    until = time.perf_counter() + seconds

    async def ask() -> int:
        reader, writer = await asyncio.open_connection(HOST, port)
        answered = 0
        while time.perf_counter() < until:
            packet = next(packets)
            writer.write(len(packet).to_bytes(2, "big") + packet)
            length = int.from_bytes(await reader.readexactly(2), "big")
            last = await reader.readexactly(length)
            answered += 1
        writer.close()
        check(last)
        return answered

    return sum(await asyncio.gather(*(ask() for _ in range(SOCKETS))))


def check(packet: bytes) -> None:
    """That an answer is one."""
    told = dns.message.from_wire(packet)
    assert told.rcode() == Rcode.NOERROR
    assert told.answer


def busy(pid: int) -> float:
    """Seconds of CPU time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(folder: Path, options: argparse.Namespace) -> None:
    """Measures, and prints what came of it."""
    port, names = free_ports(2)
    await asyncio.to_thread(ensure_database, folder / "geoip.mmdb")
    control = Role("control", folder, settings(folder, port, names))
    await control.start()
    try:
        (pid, *_) = control.signal(0)  # type: ignore[arg-type]  # a look, no signal
        await fill(port, options.edges, options.assets)
        for name, ask in (("UDP", over_udp), ("TCP", over_tcp)):
            before, began = busy(pid), time.perf_counter()
            answered = await ask(names, queries(options.assets), options.seconds)
            cpu, took = busy(pid) - before, time.perf_counter() - began
            print(
                f"{name}: {answered / took:,.0f} queries/s, {answered / cpu:,.0f} for each second "
                f"of CPU time ({cpu / answered * 1e6:.0f} µs each)"
            )
    finally:
        await control.kill()


def main() -> None:
    """Reads the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--edges", type=int, default=40)
    parser.add_argument("--assets", type=int, default=1000)
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(Path(folder), parser.parse_args()))


if __name__ == "__main__":
    main()
