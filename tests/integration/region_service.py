"""The edges of one region with one control plane each, and an origin, for tests of filling."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from common.messages import DesiredPackage, Neighbour, Neighbours
from common.service import ListenSettings, PeerSettings
from edge.policy.shields import ranking
from edge.settings import Settings
from tests.integration.edge_service import (
    TOKEN,
    Control,
    Script,
    edge,
    edge_settings,
    serving,
    until,
)
from tests.servers.processes import free_ports

PACKAGE = {
    "main.m3u8": b"#EXTM3U\n",
    "720p/playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n",
    "720p/init.mp4": b"init" * 100,
    **{f"720p/{number:05}.m4s": bytes([number]) * 300_000 for number in range(4)},
}


@dataclass
class Member:
    """An edge of the region."""

    settings: Settings
    control: Control
    viewer: aiohttp.ClientSession

    @property
    def name(self) -> str:
        return self.settings.edge_id

    def whole(self, packages: int = 1) -> bool:
        held = self.control.holdings.packages if self.control.holdings else ()
        return len(held) == packages and all(package.complete for package in held)

    async def metric(self, name: str) -> float:
        """The value of one of its metrics."""
        admin = self.settings.admin
        assert admin is not None
        url = f"http://127.0.0.1:{admin.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            text = await response.text()
        return next(float(line.split()[1]) for line in text.splitlines() if line.split()[0] == name)


def names_by_rank(asset: str, names: Sequence[str]) -> list[str]:
    """``names``, the shield of ``asset`` first."""
    return ranking(f"v/{asset}", names)


@contextlib.asynccontextmanager
async def region(
    folder: Path,
    origin_url: str,
    names: Sequence[str],
    others: dict[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[dict[str, Member]]:
    """Edges that know of each other, and of ``others``, names with URLs, and hold nothing."""
    members: dict[str, Member] = {}
    async with contextlib.AsyncExitStack() as stack:
        urls = {
            name: f"http://127.0.0.1:{port}"
            for name, port in zip(names, free_ports(len(names)), strict=True)
        }
        known = {**urls, **(others or {})}
        for name, url in urls.items():
            (port,) = free_ports(1)
            control = Control(edge_id=name, port=port)
            neighbours = tuple(Neighbour(*each) for each in known.items() if each[0] != name)
            control.neighbours = Neighbours(1, neighbours)
            await stack.enter_async_context(serving(control.answer, port))
            given: dict[str, Any] = {
                "edge_id": name,
                "url": url,
                "listen": ListenSettings(port=int(url.rpartition(":")[2])),
                "control": PeerSettings(url=control.url, token=TOKEN),
            }
            settings = edge_settings(folder / name, origin_url, **{**given, **changes})
            viewer = await stack.enter_async_context(edge(settings))
            members[name] = Member(settings, control, viewer)
        for member in members.values():
            asked = member.control.asked
            await until(lambda asked=asked: asked[-1]["neighbours"] == 1)  # type: ignore[misc]  # bound now
        yield members


@contextlib.asynccontextmanager
async def scripted(handler: Script) -> AsyncIterator[str]:
    """The URL of a server that answers all requests with ``handler``."""
    (port,) = free_ports(1)
    async with serving(handler, port):
        yield f"http://127.0.0.1:{port}"


def want(members: Sequence[Member], *packages: DesiredPackage) -> None:
    """Has all ``members`` hold ``packages``."""
    for member in members:
        member.control.want(*packages)
