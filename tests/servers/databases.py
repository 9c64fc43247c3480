"""A real MongoDB replica set, of one server where nobody says more, a real Redis and a real
MariaDB."""

import contextlib
import getpass
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from tests.servers.parts import MONGOD, installed, program
from tests.servers.processes import free_ports, running


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int


@contextlib.contextmanager
def mongodb(folder: Path) -> Iterator[Server]:
    """A MongoDB server on a free port: a replica set, so that majorities mean something."""
    (port,) = free_ports(1)
    data = folder / "mongodb"
    data.mkdir()
    command = [
        str(installed(MONGOD)),
        *("--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"),
    ]
    with running(command, log=folder / "mongodb.log", ports=[port]) as process:
        initiate(f"127.0.0.1:{port}")
        yield Server(f"mongodb://127.0.0.1:{port}/?replicaSet=rs0", process.pid)


def initiate(*servers: str) -> None:
    """Makes servers, each a host and its port, one replica set, once they answer."""
    for server in servers:
        with _direct(server) as client:
            client.admin.command("ping")
    members = [{"_id": number, "host": server} for number, server in enumerate(servers)]
    with _direct(servers[0]) as client:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(PyMongoError):
                if client.admin.command("hello").get("primary"):
                    return
            time.sleep(0.1)
    raise RuntimeError("MongoDB does not become primary")


def _direct(server: str) -> pymongo.MongoClient[dict[str, object]]:
    """A client of one server, whatever it is in a replica set."""
    return pymongo.MongoClient(server, directConnection=True, serverSelectionTimeoutMS=10_000)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[Server]:
    """A Redis server on a free port that keeps nothing on disk."""
    (port,) = free_ports(1)
    command = [
        program("redis-server"),
        *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)),
    ]
    with running(command, log=folder / "redis.log", ports=[port]) as process:
        yield Server(f"redis://127.0.0.1:{port}/0", process.pid)


@contextlib.contextmanager
def mariadb(folder: Path, port: int | None = None) -> Iterator[Server]:
    """A MariaDB server on a free port, with an empty database ``nearcast`` and its user; on
    ``port``, with what one that was killed has left in the folder."""
    (port,) = (port,) if port is not None else free_ports(1)
    data, socket, setup = folder / "mariadb", folder / "mariadb.socket", folder / "mariadb.sql"
    me = getpass.getuser()
    common = ("--no-defaults", f"--datadir={data}", f"--user={me}")
    if not data.exists():
        data.mkdir()
        setup.write_text(
            "CREATE DATABASE IF NOT EXISTS nearcast CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS nearcast@'127.0.0.1' IDENTIFIED BY 'secret';\n"
            "GRANT ALL ON nearcast.* TO nearcast@'127.0.0.1';\n"
        )
        install = [program("mariadb-install-db"), *common, "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
    command = [
        program("mariadbd"),
        *common,
        *(f"--port={port}", "--bind-address=127.0.0.1", f"--socket={socket}"),
        *("--skip-name-resolve", "--innodb-buffer-pool-size=64M", f"--init-file={setup}"),
    ]
    with running(command, log=folder / "mariadb.log", ports=[port]) as process:
        yield Server(f"mysql://nearcast:secret@127.0.0.1:{port}/nearcast", process.pid)
