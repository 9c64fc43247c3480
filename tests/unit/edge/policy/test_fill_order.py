"""What an edge fetches first."""

from common.messages import DesiredPackage, ManifestObject
from edge.policy.fill_order import object_order, package_order


def item(name: str, size: int = 10) -> ManifestObject:
    return ManifestObject(f"v/a/1/{name}", size, "ab" * 32, "video/mp4")


def test_playlists_come_first_then_init_segments_then_small_media() -> None:
    names = ["x/1.m4s", "x/init.mp4", "main.m3u8", "poster.jpg"]
    ordered = object_order([*map(item, names), item("y/0.m4s", 5)])

    assert [each.key.removeprefix("v/a/1/") for each in ordered] == [
        "main.m3u8",
        "poster.jpg",
        "x/init.mp4",
        "y/0.m4s",
        "x/1.m4s",
    ]


def test_the_newest_version_comes_first() -> None:
    packages = [DesiredPackage("a", version, "v/m", "ab" * 32, 1) for version in "132"]

    assert [package.version for package in package_order(packages)] == ["3", "2", "1"]
