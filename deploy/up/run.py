"""Runs the whole system on one machine, uploads a video and tells how to play it."""

import asyncio
import hashlib
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec
import uvloop

from common.errors import NearcastError, PortTaken
from common.messages import JobState
from common.service import new_client_session, os_sentence
from deploy.client import Api, Refused
from deploy.progress import ProgressDisplay
from deploy.up import geography
from deploy.up.authority import Certificates, certificates
from deploy.up.configs import Ports, url, write_configs
from deploy.up.geography import edge_hosts, edge_regions
from deploy.up.home import Client, Home, Secrets, Uploaded
from deploy.up.sample import make_sample
from deploy.up.supervisor import Process, RoleFailed, Supervisor
from deploy.upload import follow_encode, follow_fill, send

START_WITHIN = 60.0
"""Seconds that every role gets to become ready."""


class EdgeAddress(msgspec.Struct, frozen=True):
    """One edge in the ready line."""

    region: str
    url: str
    admin: str
    pid: int


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The last line on standard output: where everything is."""

    play: str | None
    control: str
    ingest: str
    origin: str
    edges: dict[str, EdgeAddress]
    ca: str
    asset: str | None
    token: str


def run_up(folder: Path, *, port_base: int, sample: bool, video: Path | None) -> int:
    """Runs the system in the home ``folder`` until SIGINT or SIGTERM.

    Args:
        folder: the home.
        port_base: the first port.
        sample: whether a video is uploaded at all.
        video: the video to upload; None makes one.

    Returns:
        The process's exit status.
    """
    home = Home(folder)
    try:
        with home.taken():
            return uvloop.run(_run(home, Ports.from_base(port_base), sample=sample, video=video))
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {os_sentence(error)}", file=sys.stderr)
        return 1


async def _run(home: Home, ports: Ports, *, sample: bool, video: Path | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    _refuse_taken_ports(ports.all())
    system = await asyncio.to_thread(_System.prepare, home, ports)
    work = asyncio.create_task(system.run(stop, sample=sample, video=video))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
    # A signal ends the work wherever it is; an error of the work ends the wait for a signal.
    for task in (work, stopping):
        task.cancel()
    results = await asyncio.gather(work, stopping, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]
    return 0


@dataclass(frozen=True)
class _System:
    """What one run of everything stands on."""

    home: Home
    ports: Ports
    secrets: Secrets
    tls: Certificates
    configs: dict[str, tuple[str, Path]]
    """Process name to role and file of settings."""

    @classmethod
    def prepare(cls, home: Home, ports: Ports) -> "_System":
        """Makes what the roles need, or finds it: authority, tokens, GeoIP database, settings."""
        tls = certificates(home.tls)
        secrets = home.secrets(list(edge_regions()))
        geography.ensure_database(home.geoip)
        home.remember_client(
            Client(
                ingest=url(ports.ingest),
                control=url(ports.control),
                token=secrets.operator,
                ca=str(tls.ca),
            )
        )
        configs = write_configs(home, ports, secrets, tls)
        return cls(home, ports, secrets, tls, configs)

    async def run(self, stop: asyncio.Event, *, sample: bool, video: Path | None) -> None:
        """Starts all roles, uploads, tells how to play, and waits for ``stop``."""
        supervisor = Supervisor(on_restart=_tell_restart)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(supervisor.close)
            for name, (role, path) in self.configs.items():
                log = self.home.logs / f"{name}.log"
                supervisor.start(Process(name=name, role=role, config=path, log=log))
            await self._wait_until_ready(supervisor)
            api = await Api.open(
                ingest=url(self.ports.ingest),
                control=url(self.ports.control),
                token=self.secrets.operator,
                ca=self.tls.ca,
            )
            stack.push_async_callback(api.close)
            asset = await self._publish(api, video) if sample else None
            self._tell_ready(supervisor, asset)
            await stop.wait()

    async def _wait_until_ready(self, supervisor: Supervisor) -> None:
        addresses = {
            "origin": self.ports.origin,
            "control": self.ports.control,
            "ingest": self.ports.ingest,
            **self.ports.admin,
        }
        deadline = asyncio.get_running_loop().time() + START_WITHIN
        patience = aiohttp.ClientTimeout(total=2)
        async with await new_client_session(self.tls.ca, timeout=patience) as session:
            with ProgressDisplay() as display:
                waiting = set(addresses)
                while waiting:
                    for name in sorted(waiting):
                        if await _is_ready(session, addresses[name]):
                            waiting.discard(name)
                        elif _hopeless(supervisor, name, deadline):
                            raise _failure(supervisor, name)
                    done = len(addresses) - len(waiting)
                    display.show("Start", 100 * done / len(addresses), f"{done} roles ready")
                    await asyncio.sleep(0.1)

    async def _publish(self, api: Api, video: Path | None) -> str:
        """The asset of ``video``, uploaded unless this home did so before, on all its edges."""
        with ProgressDisplay() as display:
            title = "Nearcast sample" if video is None else video.stem
            if video is None:
                video = self.home.sample
                await make_sample(video, display)
            digest = await asyncio.to_thread(_digest, video)
            uploaded = (await asyncio.to_thread(self.home.uploads)).get(digest)
            if uploaded is None or not await _usable(api, uploaded):
                job = await send(api, video, title, display)
                uploaded = Uploaded(job_id=job.job_id, asset_id=job.asset_id)
                await asyncio.to_thread(self.home.remember_upload, digest, uploaded)
            await follow_encode(api, uploaded.job_id, display)
            await follow_fill(api, uploaded.asset_id, display)
            return uploaded.asset_id

    def _tell_ready(self, supervisor: Supervisor, asset: str | None) -> None:
        control = url(self.ports.control)
        ready = Ready(
            play=f"{control}/play/{asset}" if asset else None,
            control=control,
            ingest=url(self.ports.ingest),
            origin=url(self.ports.origin),
            edges={
                name: EdgeAddress(
                    region=region,
                    url=url(self.ports.edge, edge_hosts()[name]),
                    admin=url(self.ports.admin[name]),
                    pid=supervisor.processes[name].pid,
                )
                for name, region in edge_regions().items()
            },
            ca=str(self.tls.ca),
            asset=asset,
            token=self.secrets.operator,
        )
        for line in _how_to_play(ready, self.home):
            print(line)
        print(msgspec.json.encode(ready).decode(), flush=True)


def _how_to_play(ready: Ready, home: Home) -> Iterable[str]:
    yield ""
    yield f"Nearcast runs. The page:   {ready.control}/"
    yield f"The authority to trust:    {ready.ca}"
    # Not in a query: what follows the number sign never leaves the browser.
    yield f"Upload on a page:          {ready.control}/upload#token={quote(ready.token, safe='')}"
    yield f"Upload from a shell:       nearcast upload FILE --wait --home {home.folder}"
    if ready.play:
        viewer = f"curl --cacert {ready.ca} -H 'X-Forwarded-For: 203.0.113.9' {ready.play}.json"
        yield f"Play:                      ffplay -ca_file {ready.ca} {ready.play}"
        yield f"Be a viewer in Singapore:  {viewer}"
    yield "Stop:                      Ctrl-C"
    yield ""


def _tell_restart(process: Process) -> None:
    print(f"{process.name} ended and is started again (log: {process.log})", file=sys.stderr)


def _refuse_taken_ports(addresses: Iterable[tuple[str, int]]) -> None:
    for host, port in addresses:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise PortTaken(port=port, host=host) from error


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"{url(port)}/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


def _hopeless(supervisor: Supervisor, name: str, deadline: float) -> bool:
    """Whether the role has ended again and again, or its time is over."""
    late = asyncio.get_running_loop().time() > deadline
    return late or supervisor.processes[name].restarts >= 2


def _failure(supervisor: Supervisor, name: str) -> RoleFailed:
    process = supervisor.processes[name]
    reason = process.last_words() or f"not ready within {START_WITHIN:.0f} s"
    return RoleFailed(name=name, reason=reason.rstrip("."), log=process.log)


async def _usable(api: Api, uploaded: Uploaded) -> bool:
    """Whether an earlier upload is there and did, or still may, end well."""
    try:
        job = await api.job(uploaded.job_id)
    except Refused:
        return False
    return job.state not in {JobState.FAILED, JobState.CANCELLED}


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
