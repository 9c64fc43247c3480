"""The settings ``nearcast up`` gives every role: TOML files as an operator would write them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from common.service import write_atomically
from deploy.up.authority import Certificates
from deploy.up.geography import PLACES, edge_hosts, edge_regions
from deploy.up.home import Home, Secrets

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Which port each role answers on."""

    control: int
    ingest: int
    origin: int
    edge: int
    """Of every edge, each at an address of its own."""
    admin: dict[str, int]

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """The ports that follow from the first one."""
        return cls(
            control=base,
            ingest=base + 1,
            origin=base + 2,
            edge=base + 10,
            admin={name: base + 20 + number for number, name in enumerate(edge_regions())},
        )

    def all(self) -> list[tuple[str, int]]:
        """Every address and port."""
        ports = (self.control, self.ingest, self.origin, *self.admin.values())
        edges = [(host, self.edge) for host in edge_hosts().values()]
        return [(HOST, port) for port in ports] + edges


def url(port: int, host: str = HOST) -> str:
    """The URL of the role that answers there."""
    return f"https://{host}:{port}"


def write_configs(
    home: Home, ports: Ports, secrets: Secrets, tls: Certificates
) -> dict[str, tuple[str, Path]]:
    """Writes every role's settings into the home.

    Returns:
        Process name to role and file of settings.
    """
    shared = _Shared(home, ports, secrets, tls)
    documents = {
        "origin": ("origin", _origin(shared)),
        "control": ("control", _control(shared)),
        "ingest": ("ingest", _ingest(shared)),
        **{name: ("edge", _edge(shared, name)) for name in edge_regions()},
    }
    written: dict[str, tuple[str, Path]] = {}
    for name, (role, document) in documents.items():
        path = home.config / f"{name}.toml"
        write_atomically(path, tomli_w.dumps(document).encode())
        written[name] = (role, path)
    return written


@dataclass(frozen=True)
class _Shared:
    home: Home
    ports: Ports
    secrets: Secrets
    tls: Certificates

    def listen(self, port: int, host: str = HOST) -> dict[str, Any]:
        return {
            "host": host,
            "port": port,
            "certificate": str(self.tls.chain),
            "key": str(self.tls.key),
        }

    @property
    def operator(self) -> dict[str, Any]:
        return {"name": "operator", "token": self.secrets.operator, "roles": ["operator"]}

    @property
    def control(self) -> dict[str, Any]:
        return {"name": "control", "token": self.secrets.control, "roles": ["control"]}

    @property
    def edges(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "token": token, "roles": ["edge"]}
            for name, token in self.secrets.edges.items()
        ]

    @property
    def store(self) -> dict[str, Any]:
        return {"folder": str(self.home.data / "objects")}


def _origin(shared: _Shared) -> dict[str, Any]:
    return {
        "listen": shared.listen(shared.ports.origin),
        "store": shared.store,
        "credentials": [shared.operator, shared.control, *shared.edges],
    }


def _control(shared: _Shared) -> dict[str, Any]:
    return {
        "listen": shared.listen(shared.ports.control),
        "ca": str(shared.tls.ca),
        "database": {"sqlite": str(shared.home.data / "control.sqlite")},
        "accounts": {"sqlite": str(shared.home.data / "accounts.sqlite")},
        "geoip": [str(shared.home.geoip)],
        "trusted_proxies": ["127.0.0.0/8", "::1/128"],
        "dashboard_open": True,
        "origin": {"url": url(shared.ports.origin), "token": shared.secrets.control},
        "ingest": {"url": url(shared.ports.ingest), "token": shared.secrets.control},
        "uploads_url": url(shared.ports.ingest),
        "steering": {"url": f"{url(shared.ports.control)}/steer"},
        "regions": [
            {
                "name": place.region,
                "title": place.title,
                "latitude": place.latitude,
                "longitude": place.longitude,
            }
            for place in PLACES
        ],
        "credentials": [
            shared.operator,
            {"name": "ingest", "token": shared.secrets.ingest, "roles": ["ingest"]},
            *shared.edges,
        ],
    }


def _ingest(shared: _Shared) -> dict[str, Any]:
    return {
        "listen": shared.listen(shared.ports.ingest),
        "ca": str(shared.tls.ca),
        "store": shared.store,
        "database": {"sqlite": str(shared.home.data / "ingest.sqlite")},
        "work_folder": str(shared.home.data / "work"),
        "control": {"url": url(shared.ports.control), "token": shared.secrets.ingest},
        "steering": f"{url(shared.ports.control)}/steer",
        "credentials": [
            shared.operator,
            shared.control,
        ],
    }


def _edge(shared: _Shared, name: str) -> dict[str, Any]:
    host, port = edge_hosts()[name], shared.ports.edge
    return {
        "edge_id": name,
        "region": edge_regions()[name],
        "url": url(port, host),
        "listen": shared.listen(port, host),
        "admin": shared.listen(shared.ports.admin[name]),
        "ca": str(shared.tls.ca),
        "cache_folder": str(shared.home.data / "edges" / name),
        "origin": {"url": url(shared.ports.origin), "token": shared.secrets.edges[name]},
        "control": {"url": url(shared.ports.control), "token": shared.secrets.edges[name]},
        "credentials": [shared.operator],
    }
