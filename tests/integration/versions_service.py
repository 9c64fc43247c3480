"""A control plane with a real origin behind it, and packages in that, for tests."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.messages import ManifestObject, PackageAnnouncement, PackageManifest, encode
from common.messages.packages import manifest_key, version_prefix
from common.service import CredentialSettings, ListenSettings, PeerSettings, Role
from control_plane.settings import Settings
from origin import app
from origin.store import ObjectStore, StoreSettings, open_store
from tests.integration.control_service import TOKENS, Talk, control_settings, listens
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement

CONTROL_TOKEN = "control-token-for-tests"


@dataclass
class Origin:
    """An origin that can be started and stopped, and its store, which stays."""

    settings: app.Settings
    store: ObjectStore

    @property
    def peer(self) -> PeerSettings:
        """How the control plane asks it."""
        url = f"http://127.0.0.1:{self.settings.listen.port}"
        return PeerSettings(url=url, token=CONTROL_TOKEN)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        running = asyncio.create_task(app.main(self.settings, stop))
        try:
            async with asyncio.timeout(30):
                while not await listens(self.settings.listen.port):  # noqa: ASYNC110 - it is the origin's doing
                    await asyncio.sleep(0.01)
            yield
        finally:
            stop.set()
            await running

    async def package(
        self,
        version: str,
        *,
        asset: str = "a",
        objects_of: str | None = None,
        segments: int = 4,
    ) -> PackageAnnouncement:
        """Writes a package; its announcement. With ``objects_of``, its own are but playlists."""
        prefix = version_prefix(asset, version)
        own = [f"{prefix}main.m3u8"]
        theirs = version_prefix(asset, objects_of or version)
        others = [f"{theirs}{number:05}.m4s" for number in range(segments)]
        listed = [await self._put(key) for key in (*own, *others)]
        manifest = encode(PackageManifest(asset, version, own[0], None, tuple(listed)))
        await self._put(manifest_key(asset, version), manifest)
        return announcement(
            asset,
            version,
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            objects_of=objects_of,
            object_count=len(listed),
            bytes=sum(each.size for each in listed),
        )

    async def _put(self, key: str, body: bytes | None = None) -> ManifestObject:
        content = body if body is not None else key.encode() * 1000

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        digest = hashlib.sha256(content).hexdigest()
        await self.store.put(key, pieces(), content_type="video/mp4", sha256=digest)
        return ManifestObject(key, len(content), digest, "video/mp4")

    async def keys(self, asset: str = "a") -> set[str]:
        """The objects of an asset, by version and name."""
        prefix = f"v/{asset}/"
        return {found.key.removeprefix(prefix) async for found in self.store.list(prefix)}


@contextlib.asynccontextmanager
async def origin_of(folder: Path) -> AsyncIterator[Origin]:
    """An origin that is not running yet."""
    (port,) = free_ports(1)
    store = StoreSettings(folder=folder / "objects")
    settings = app.Settings(
        listen=ListenSettings(port=port),
        store=store,
        credentials=(
            CredentialSettings(name="control", token=CONTROL_TOKEN, roles=(Role.CONTROL,)),
            CredentialSettings(name="eu-1", token=TOKENS["eu-1"], roles=(Role.EDGE,)),
        ),
    )
    async with open_store(store) as opened:
        yield Origin(settings, opened)


def with_origin(folder: Path, origin: Origin, **changes: Any) -> Settings:
    """The settings of a control plane that can have ``origin`` delete."""
    return control_settings(folder, **{"origin": origin.peer, "geoip": (), **changes})


@dataclass
class Operator:
    """What an operator, ingest and edges say about versions."""

    talk: Talk

    async def announce(self, told: PackageAnnouncement) -> int:
        status, _, _ = await self.talk.call("POST", "/v1/packages", "ingest", data=encode(told))
        return status

    async def withdraw(self, version: str, asset: str = "a") -> int:
        path = f"/v1/packages/{asset}/{version}"
        status, _, _ = await self.talk.call("DELETE", path, "ingest")
        return status

    async def versions(self, asset: str = "a") -> list[dict[str, Any]]:
        status, body, _ = await self.talk.call("GET", f"/v1/assets/{asset}/versions", "publisher")
        assert status == 200, body
        return list(body)

    async def current(self, asset: str = "a") -> str | None:
        """The version that viewers are sent to; None when there is nothing to see."""
        status, body, _ = await self.talk.call("GET", f"/play/{asset}.json")
        assert status in {200, 404}, body
        return body["version"] if status == 200 else None

    async def roll_back(self, version: str, asset: str = "a", name: str = "operator") -> int:
        status, _, _ = await self.talk.call(
            "POST", f"/v1/assets/{asset}/rollback", name, json={"version": version}
        )
        return status

    async def remove(
        self, version: str | None = None, asset: str = "a"
    ) -> tuple[int, dict[str, Any]]:
        path = f"/v1/assets/{asset}" + (f"/versions/{version}" if version else "")
        status, body, fields = await self.talk.call("DELETE", path, "operator")
        if status == 202:
            assert fields["Location"] == f"/v1/removals/{body['removal_id']}"
        return status, body

    async def removal(self, removal_id: str) -> dict[str, Any]:
        status, body, _ = await self.talk.call("GET", f"/v1/removals/{removal_id}", "operator")
        assert status == 200, body
        return dict(body)

    async def confirm(self, edge: str, *removal_ids: str) -> None:
        """Says as an edge that it has nothing left."""
        status, body, _ = await self.talk.call(
            "PUT",
            f"/v1/edges/{edge}/removals",
            edge,
            json={"edge_id": edge, "removal_ids": removal_ids},
        )
        assert status == 204, body

    async def until(
        self, removal_id: str, check: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """The removal, once ``check`` says so."""
        async with asyncio.timeout(20):
            while not check(removal := await self.removal(removal_id)):  # noqa: ASYNC110 - it is the control plane's doing
                await asyncio.sleep(0.05)
        return removal

    async def until_done(self, removal_id: str) -> dict[str, Any]:
        """The removal, once it is done."""
        return await self.until(removal_id, lambda removal: removal["state"] == "done")

    async def until_empty(self, removal_id: str) -> dict[str, Any]:
        """The removal, once the origin has nothing left."""
        return await self.until(removal_id, lambda removal: removal["origin"]["confirmed_at"])
