"""Messages and records that the control plane's tests are about."""

from typing import Any

from common.messages import Heartbeat, HeldPackage, Holdings, PackageAnnouncement


def announcement(asset: str = "a", version: str = "1", **changes: Any) -> PackageAnnouncement:
    """A package of version ``version`` of ``asset``."""
    given: dict[str, Any] = {
        "asset_id": asset,
        "version": version,
        "title": f"Video {asset}",
        "entry": f"v/{asset}/{version}/main.m3u8",
        "poster": None,
        "manifest_key": f"v/{asset}/{version}/manifest.json",
        "manifest_sha256": "ab" * 32,
        "bytes": 1000,
        "object_count": 3,
        "duration": 20.0,
        "renditions": ("h264-720p",),
    }
    return PackageAnnouncement(**{**given, **changes})


def heartbeat(edge: str = "eu-1", sequence: int = 1, **changes: Any) -> Heartbeat:
    """A heartbeat of ``edge``, whose region is in its name."""
    given: dict[str, Any] = {
        "edge_id": edge,
        "region": edge.split("-", maxsplit=1)[0],
        "url": f"https://{edge}.example.org",
        "started_at": 100.0,
        "sequence": sequence,
        "ready": True,
        "desired_revision": 0,
        "holdings_revision": "",
        "capacity_bytes": 10**10,
        "used_bytes": 0,
        "requests": 0,
        "hits": 0,
        "bytes_sent": 0,
        "fill_pending": 0,
        "fill_bytes_pending": 0,
        "active_connections": 0,
    }
    return Heartbeat(**{**given, **changes})


def holdings(edge: str = "eu-1", *names: tuple[str, str], held: int = 3) -> Holdings:
    """That ``edge`` holds ``held`` of 3 objects of each (asset, version) of ``names``."""
    packages = tuple(
        HeldPackage(asset, version, held, 3, 1000 * held // 3, 1000) for asset, version in names
    )
    return Holdings(edge_id=edge, revision=f"{len(names)}-{held}", packages=packages)
