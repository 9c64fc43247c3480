"""A real S3 server: OpenStack Swift behind its s3api filter, one of each of its servers."""

import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.servers.parts import SWIFT, installed, program
from tests.servers.processes import free_ports, running

COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
mount_check = false
devices = {folder}/devices
swift_dir = {folder}
user = {user}
log_level = WARNING
"""
STORAGE = """\
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
FILTERS = ("catch_errors", "cache", "bulk", "s3api", "tempauth", "copy", "slo", "dlo")
OPTIONS = {
    "cache": "memcache_servers = 127.0.0.1:{memcached}",
    "s3api": "location = us-east-1",
    "tempauth": "user_test_tester = testing .admin",
}
"""What tells each filter its use in this proxy."""
CLUSTER = """\
[swift-hash]
swift_hash_path_prefix = nearcast
swift_hash_path_suffix = nearcast
[storage-policy:0]
name = gold
default = yes
"""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server. It wants path addressing."""

    endpoint: str
    access_key: str = "test:tester"
    secret_key: str = "testing"
    region: str = "us-east-1"


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[S3Server]:
    """An S3 server on free ports."""
    home = folder / "s3"
    (home / "devices" / "d1").mkdir(parents=True)
    kinds = ("account", "container", "object")
    proxy, memcached, *ports = free_ports(2 + len(kinds))
    (home / "swift.conf").write_text(CLUSTER)
    for kind, port in zip(kinds, ports, strict=True):
        settings = COMMON.format(port=port, folder=home, user=getpass.getuser()) + STORAGE.format(
            kind=kind
        )
        (home / f"{kind}.conf").write_text(settings)
        _make_ring(home, kind, port)
    (home / "proxy.conf").write_text(_proxy(home, proxy, memcached))
    cache = [program("memcached"), "-u", getpass.getuser(), "-l", "127.0.0.1", "-p", str(memcached)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(cache, log=home / "memcached.log", ports=[memcached]))
        for kind, port in (*zip(kinds, ports, strict=True), ("proxy", proxy)):
            command = [
                str(installed(SWIFT / "bin" / f"swift-{kind}-server")),
                str(home / f"{kind}.conf"),
            ]
            stack.enter_context(running(command, log=home / f"{kind}.log", ports=[port]))
        yield S3Server(f"http://127.0.0.1:{proxy}")


def new_bucket(server: S3Server, name: str) -> dict[str, str]:
    """Makes a bucket; the settings of a store in it."""
    client_of(server).create_bucket(Bucket=name)
    return {
        "endpoint": server.endpoint,
        "bucket": name,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
    }


def client_of(server: S3Server) -> Any:
    """A client of Amazon's own making."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(
            s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
        ),
    )


def _proxy(home: Path, port: int, memcached: int) -> str:
    sections = [
        COMMON.format(port=port, folder=home, user=getpass.getuser()),
        f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n",
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n",
    ]
    for name in FILTERS:
        use = "memcache" if name == "cache" else name
        option = OPTIONS.get(name, "").format(memcached=memcached)
        sections.append(f"[filter:{name}]\nuse = egg:swift#{use}\n{option}\n")
    return "".join(sections)


def _make_ring(home: Path, kind: str, port: int) -> None:
    builder = installed(SWIFT / "bin" / "swift-ring-builder")
    for step in (
        ("create", "4", "1", "1"),
        ("add", f"r1z1-127.0.0.1:{port}/d1", "1"),
        ("rebalance",),
    ):
        command = [str(builder), f"{kind}.builder", *step]
        subprocess.run(command, cwd=home, check=True, capture_output=True)
