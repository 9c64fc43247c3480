"""Origins that are killed, and stores that go away, while packages are copied and edges fill."""

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w

from common.messages import PackageManifest, decode
from edge.store.claim import Claim
from origin.store import StoreSettings, open_store
from tests.servers.processes import free_ports, stop, wait_until_open
from tests.servers.s3 import s3
from tests.stores import bucket_settings, content, publish

TOKEN = "a-token-of-an-edge-for-tests"
CONTROL = "a-token-of-a-control-plane"
CREDENTIALS = [
    {"name": "edge", "token": TOKEN, "roles": ["edge"]},
    {"name": "control", "token": CONTROL, "roles": ["control"]},
]
OFTEN = {"look_every": 0.2, "survey_every": 0.5, "checks_per_second": 1000.0}
MEGABYTE = bytes(range(256)) * 4096


class Process:
    """A role as a process of its own, that can be killed and started again."""

    def __init__(self, folder: Path, role: str, name: str, document: dict[str, Any]) -> None:
        self.config = folder / f"{name}.toml"
        self.config.write_text(tomli_w.dumps(document | {"log_level": "error"}))
        self.role = role
        self.port: int = document["listen"]["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.config.with_suffix(".log")
        command = [sys.executable, "-m", "deploy", self.role, "--config", str(self.config)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_until_open(self.port, self._process, log)

    def kill(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            stop(self._process)

    def get(self, path: str, *, method: str = "GET", token: str = TOKEN) -> tuple[int, bytes]:
        """Asks it; status 0 when it cuts the answer short."""
        headers = {"Authorization": f"Bearer {token}"}
        asked = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def origin(
    folder: Path, region: str, store: dict[str, Any], *sources: dict[str, Any], **more: Any
) -> Process:
    """An origin of ``region``."""
    (port,) = free_ports(1)
    document = {
        "listen": {"port": port},
        "region": region,
        "store": store,
        "sources": list(sources),
        "credentials": CREDENTIALS,
        "replication": OFTEN | more,
    }
    return Process(folder, "origin", region, document)


def settings_of(store: StoreSettings) -> dict[str, Any]:
    """As TOML has them."""
    found: dict[str, Any] = msgspec.to_builtins(store, enc_hook=str)
    return {name: _bare(value) for name, value in found.items() if value is not None}


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if one is not None}
    return value


@contextlib.contextmanager
def ending(*processes: Process) -> Iterator[None]:
    """Starts them, and leaves none behind."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.end()


def until(holds: Any, within: float = 60.0) -> None:
    """Waits until ``holds`` answers true."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)


def with_store(settings: StoreSettings, work: Any) -> Any:
    """What the coroutine function ``work`` answers of the store, outside of any loop."""

    async def run() -> Any:
        async with open_store(settings) as store:
            return await work(store)

    return asyncio.run(run())


def files(folder: Path) -> dict[str, bytes]:
    """The objects of versions in a folder that may change meanwhile."""
    found: dict[str, bytes] = {}
    for path in folder.glob("v/**/*"):
        if "~" not in path.name:
            with contextlib.suppress(OSError):
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def require_whole(folder: Path) -> int:
    """Makes sure that every package with a manifest is whole; how many there are."""
    manifests = [*folder.glob("v/*/*/manifest.json")]
    for path in manifests:
        for listed in decode(path.read_bytes(), PackageManifest).objects:
            body = (folder / listed.key).read_bytes()
            assert hashlib.sha256(body).hexdigest() == listed.sha256
    return len(manifests)


@pytest.mark.parametrize("seed", range(3))
def test_after_kill_9_a_package_is_whole_or_not_there_and_copying_goes_on(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    eu, us = (StoreSettings(folder=tmp_path / name) for name in ("eu", "us"))

    async def fill(store: Any) -> None:
        for number in range(40):
            objects = {f"{at}.m4s": chance.randbytes(200_000) for at in range(6)}
            await publish(store, f"{number:04}", objects, asset=f"a{number % 7}")

    with_store(eu, fill)
    source = {"name": "eu", **settings_of(eu)}
    us_origin = origin(tmp_path, "us", settings_of(us), source, rate=400_000_000)
    counts = []
    with ending():
        try:
            for _ in range(4):
                us_origin.start()
                time.sleep(chance.uniform(0.05, 0.6))
                us_origin.kill()
                counts.append(require_whole(tmp_path / "us"))
            us_origin.start()
            whole = files(tmp_path / "eu")
            until(lambda: files(tmp_path / "us") == whole)
            until(lambda: not [*(tmp_path / "us").glob("copying/*/*/us")])
        finally:
            us_origin.end()
    assert require_whole(tmp_path / "us") == 40
    assert counts == sorted(counts)
    assert [*(tmp_path / "us" / "~temporary").iterdir()] == []


def test_removals_hold_while_the_origin_that_copies_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    eu, us = (StoreSettings(folder=tmp_path / name) for name in ("eu", "us"))
    versions = [f"{number:04}" for number in range(30)]

    async def fill(store: Any) -> None:
        for version in versions:
            await publish(store, version, {f"{at}.m4s": bytes(100_000) for at in range(5)})

    with_store(eu, fill)
    one = origin(tmp_path, "eu", settings_of(eu), {"name": "us", **settings_of(us)})
    other = origin(
        tmp_path, "us", settings_of(us), {"name": "eu", **settings_of(eu)}, rate=200_000_000
    )
    removed: set[str] = set()
    with ending(one):
        try:
            for _ in range(6):
                other.start()
                for version in chance.sample(versions, 4):
                    status, body = one.get(f"/v/a/{version}/", method="DELETE", token=CONTROL)
                    told = msgspec.json.decode(body)
                    if status == 200 and told["empty"]:
                        removed.add(version)
                    for proven in removed:
                        for folder in (tmp_path / "eu", tmp_path / "us"):
                            assert not (folder / "v" / "a" / proven).exists(), proven
                other.kill()
            other.start()
            left = {version for version in versions if version not in removed}
            until(lambda: _held(tmp_path / "us") >= left)
        finally:
            other.end()
    assert removed
    for folder in (tmp_path / "eu", tmp_path / "us"):
        assert not _held(folder) & removed


def _held(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("v/a/*/manifest.json")}


@contextlib.contextmanager
def edge(folder: Path, *origins: Process) -> Iterator[Process]:
    """An edge that asks the first of ``origins``, and while that fails the others."""
    (port,) = free_ports(1)
    first, *others = ({"url": one.url, "token": TOKEN} for one in origins)
    document = {
        "cache_folder": str(folder / "cache"),
        "listen": {"port": port},
        "origin": first,
        "fallback_origins": others,
        "memory": 0,
    }
    made = Process(folder, "edge", "edge", document)
    with ending(made):
        yield made
    claim = Claim(folder / "cache")
    claim.runtime()
    claim.release()


def test_an_edge_goes_on_filling_when_the_origin_of_its_region_is_killed(tmp_path: Path) -> None:
    eu, us = (StoreSettings(folder=tmp_path / name) for name in ("eu", "us"))
    objects = {f"{at:03}.m4s": MEGABYTE for at in range(20)}
    with_store(eu, lambda store: publish(store, "1", objects))
    primary = origin(tmp_path, "eu", settings_of(eu), {"name": "us", **settings_of(us)})
    near = origin(tmp_path, "us", settings_of(us), {"name": "eu", **settings_of(eu)})
    with ending(primary, near), edge(tmp_path, near, primary) as viewers:
        for number, path in enumerate(objects):
            if number == 10:
                near.kill()
            assert viewers.get(f"/v/a/1/{path}") == (200, MEGABYTE)
        # The other way round: what a region has copied outlives the region that it came from.
        near.start()
        until(lambda: _held(tmp_path / "us") == {"1"})
        primary.kill()
        (tmp_path / "eu").rename(tmp_path / "gone")
        for path in objects:
            assert near.get(f"/v/a/1/{path}") == (200, MEGABYTE)


def test_an_edge_goes_on_filling_when_the_s3_server_of_its_region_is_down(
    tmp_path: Path, s3_server: Any
) -> None:
    eu = bucket_settings(s3_server)
    objects = {f"{at:03}.m4s": MEGABYTE for at in range(12)}
    with contextlib.ExitStack() as stack:
        near_server = stack.enter_context(s3(tmp_path))
        us = bucket_settings(near_server)
        for settings in (eu, us):
            with_store(settings, lambda store: publish(store, "1", objects))
        near = origin(tmp_path, "us", settings_of(us), {"name": "eu", **settings_of(eu)})
        with ending(near), edge(tmp_path, near) as viewers:
            for number, path in enumerate(objects):
                if number == 4:
                    stack.close()
                assert viewers.get(f"/v/a/1/{path}") == (200, MEGABYTE)
            status, body = near.get("/readyz")
            told = msgspec.json.decode(body)
            assert (status, [*told["away"]]) == (200, ["store us"])
    held = with_store(eu, content)
    assert len(held) == len(objects) + 1
