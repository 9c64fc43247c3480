"""What ``nearcast zones`` and ``nearcast policies`` do."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
import msgspec

from common.errors import NearcastError
from common.messages import decode
from common.messages.policies import PolicyView
from common.messages.zones import CoverageView, CoverageZones
from deploy.client import Api
from deploy.edges import Work, printable

ZONES: Final = "/v1/zones"
POLICIES: Final = "/v1/policies"
_JSON: Final = {"Content-Type": "application/json"}
_FILE_AT_MOST: Final = 16 * 1024 * 1024


class FileUnreadable(NearcastError):
    """{file} cannot be sent: {reason}."""


async def showing_zones(api: Api) -> None:
    """Prints all zones."""
    view = decode(await api.at_control("GET", ZONES), CoverageView)
    click.echo(_pretty(CoverageZones(view.zones)))


def uploading_zones(file: Path) -> Work:
    """Has other zones hold."""

    async def work(api: Api) -> None:
        body = _read(file)
        view = decode(
            await api.at_control("PUT", ZONES, data=io.BytesIO(body), headers=_JSON), CoverageView
        )
        networks = sum(len(zone.networks) for zone in view.zones)
        click.echo(f"{_count(len(view.zones), 'zone')} with {_count(networks, 'network')} hold.")

    return work


async def removing_zones(api: Api) -> None:
    """Takes all zones away."""
    await api.at_control("DELETE", ZONES)
    click.echo("There are no zones any more.")


async def listing_policies(api: Api) -> None:
    """Prints the names of all policies."""
    views = decode(await api.at_control("GET", POLICIES), list[PolicyView])
    if not views:
        click.echo("There are no policies: everybody may watch everything.", err=True)
    for view in views:
        moment = datetime.fromtimestamp(view.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        click.echo(printable(f"{view.name}  told by {view.by} on {moment}"))


def showing_policy(name: str) -> Work:
    """Prints a policy."""

    async def work(api: Api) -> None:
        click.echo(_pretty(decode(await api.at_control("GET", _path(name)), PolicyView).policy))

    return work


def setting_policy(name: str, file: Path) -> Work:
    """Has another policy hold."""

    async def work(api: Api) -> None:
        await api.at_control("PUT", _path(name), data=_read(file), headers=_JSON)
        click.echo(f"The policy {name} holds.")

    return work


def removing_policy(name: str) -> Work:
    """Takes a policy away."""

    async def work(api: Api) -> None:
        await api.at_control("DELETE", _path(name))
        click.echo(f"The policy {name} holds no more.")

    return work


def _path(name: str) -> str:
    return f"{POLICIES}/{quote(name)}"


def _pretty(message: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(message), indent=2).decode()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > _FILE_AT_MOST:
            raise FileUnreadable(file=file, reason=f"it has more than {_FILE_AT_MOST} bytes")
        return file.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=file, reason=error.strerror or str(error)) from error
