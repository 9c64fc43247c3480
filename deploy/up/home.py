"""The folder where ``nearcast up`` keeps everything: one system a folder, one run at a time."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from common.errors import NearcastError
from common.service import write_atomically

T = TypeVar("T")


class HomeTaken(NearcastError):
    """Another `nearcast up` runs on {home}: stop it, or choose another folder with --home."""


class HomeUnusable(NearcastError):
    """The folder {home} cannot be used: {reason}."""


class HomeDamaged(NearcastError):
    """{file} is damaged ({reason}): restore it, or start over with another --home."""


class Secrets(msgspec.Struct, frozen=True):
    """Tokens made once per home."""

    operator: str
    ingest: str
    control: str
    edges: dict[str, str]


class Client(msgspec.Struct, frozen=True):
    """What a client on this machine needs to reach the running system."""

    ingest: str
    control: str
    token: str
    ca: str


class Uploaded(msgspec.Struct, frozen=True):
    """A file that was uploaded from this home."""

    job_id: str
    asset_id: str


class Home:
    """Paths and small files of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def config(self) -> Path:
        """Folder of the roles' settings."""
        return self.folder / "config"

    @property
    def tls(self) -> Path:
        """Folder of the local CA and the servers' certificate."""
        return self.folder / "tls"

    @property
    def logs(self) -> Path:
        """Folder of the roles' logs."""
        return self.folder / "logs"

    @property
    def data(self) -> Path:
        """Folder of databases, objects and caches."""
        return self.folder / "data"

    @property
    def geoip(self) -> Path:
        """The GeoIP database."""
        return self.folder / "geoip.mmdb"

    @property
    def sample(self) -> Path:
        """The clip that is uploaded when the user names none."""
        return self.folder / "sample.mp4"

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Makes the folder and keeps others from running on it while the block runs.

        Raises:
            HomeTaken: another process runs on it.
            HomeUnusable: it cannot be made or written.
        """
        try:
            for folder in (self.folder, self.config, self.tls, self.logs, self.data):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeUnusable(home=self.folder, reason=error.strerror) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise HomeTaken(home=self.folder) from error
        try:
            yield
        finally:
            os.close(handle)

    def secrets(self, edge_ids: list[str]) -> Secrets:
        """The home's tokens, made at the first call.

        Raises:
            HomeDamaged: their file is no such thing.
        """
        path = self.folder / "secrets.json"
        known = _read(path, Secrets)
        if known is not None and set(edge_ids) <= known.edges.keys():
            return known
        made = Secrets(
            operator=known.operator if known else secrets.token_urlsafe(32),
            ingest=known.ingest if known else secrets.token_urlsafe(32),
            control=known.control if known else secrets.token_urlsafe(32),
            edges={name: secrets.token_urlsafe(32) for name in edge_ids}
            | (known.edges if known else {}),
        )
        write_atomically(path, msgspec.json.encode(made))
        return made

    def remember_client(self, client: Client) -> None:
        """Keeps for other commands how to reach the running system."""
        write_atomically(self.folder / "client.json", msgspec.json.encode(client))

    def client(self) -> Client | None:
        """How to reach the system; None when it never ran.

        Raises:
            HomeDamaged: the file is no such thing.
        """
        return _read(self.folder / "client.json", Client)

    def uploads(self) -> dict[str, Uploaded]:
        """What was uploaded by ``nearcast up`` so far, by the file's SHA-256.

        Raises:
            HomeDamaged: the file is no such thing.
        """
        return _read(self.folder / "uploads.json", dict[str, Uploaded]) or {}

    def remember_upload(self, digest: str, uploaded: Uploaded) -> None:
        """Keeps that the file with SHA-256 ``digest`` was uploaded."""
        everything = self.uploads() | {digest: uploaded}
        write_atomically(self.folder / "uploads.json", msgspec.json.encode(everything))


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise HomeDamaged(file=path, reason=str(error)) from error
