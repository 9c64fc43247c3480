"""The commands that ask the control plane as an operator: versions, rollback, remove, purge,
explain."""

import asyncio
import sys
from functools import partial
from typing import Any, Final

import click

from deploy.options import at_control


def _not_empty(_: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """Refuses what a shell makes of a variable that is not set."""
    if given == "":
        raise click.BadParameter("it is empty.", param=option)
    return given


_named = partial(click.option, callback=_not_empty)


@click.command("versions")
@click.argument("asset")
@at_control
def show_versions(*, asset: str, **where: Any) -> None:
    """Lists the versions of ASSET, the newest first.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    from deploy import versions  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(versions.with_api(versions.listing(asset), **where)))


@click.command()
@click.argument("asset")
@click.argument("version")
@at_control
def rollback(*, asset: str, version: str, **where: Any) -> None:
    """Has viewers of ASSET get VERSION until a newer one is published.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    from deploy import versions  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(versions.with_api(versions.rolling_back(asset, version), **where)))


@click.command()
@click.argument("asset")
@click.argument("version", required=False)
@click.option("--wait", is_flag=True, help="Waits until origin and edges have proven it.")
@at_control
def remove(*, asset: str, version: str | None, wait: bool, **where: Any) -> None:
    """Removes VERSION of ASSET, or all of ASSET, from the origin and every edge, for good.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    from deploy import versions  # noqa: PLC0415 - roles start faster without it

    work = versions.removing(asset, version, wait=wait)
    sys.exit(asyncio.run(versions.with_api(work, **where)))


@click.command()
@_named("--asset", "asset_id", metavar="ASSET", help="All versions of it.")
@_named("--version", metavar="VERSION", help="Only this version of ASSET.")
@_named("--url", "object_url", metavar="URL", help="One object, by its URL on any edge.")
@_named("--prefix", metavar="PATH", help="All objects whose paths begin so.")
@_named("--surrogate-key", metavar="KEY", help="All objects that carry it.")
@click.option("--everything", is_flag=True, help="All that edges hold.")
@click.option("--soft", is_flag=True, help="Has edges ask whether it is still good, not forget it.")
@click.option("--no-wait", is_flag=True, help="Ends before every edge has done it.")
@at_control
def purge(
    *,
    asset_id: str | None,
    version: str | None,
    object_url: str | None,
    prefix: str | None,
    surrogate_key: str | None,
    everything: bool,
    soft: bool,
    no_wait: bool,
    **where: Any,
) -> None:
    """Has every edge forget an asset, a version, an object or more, and fetch it anew.

    Ends when all edges have done it. The exit status is 1 when some are away: they do it before
    they serve again.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    scopes = (asset_id, object_url, prefix, surrogate_key, everything or None)
    if len([scope for scope in scopes if scope is not None]) != 1:
        raise click.UsageError(
            "Give exactly one of --asset, --url, --prefix, --surrogate-key and --everything."
        )
    if version is not None and asset_id is None:
        raise click.UsageError("--version is one of --asset.")
    from common.messages import PurgeRequest  # noqa: PLC0415 - roles start faster without it
    from deploy import versions  # noqa: PLC0415 - roles start faster without it
    from deploy.purge import purging  # noqa: PLC0415 - roles start faster without it

    asked = PurgeRequest(
        asset_id=asset_id,
        version=version,
        url=object_url,
        prefix=prefix,
        surrogate_key=surrogate_key,
        everything=everything,
        soft=soft,
    )
    sys.exit(asyncio.run(versions.with_api(purging(asked, wait=not no_wait), **where)))


def _pairs(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Names and values of ``NAME=VALUE``."""
    told = dict(each.split("=", 1) for each in given if "=" in each)
    if len(told) != len(given):
        raise click.BadParameter("each is one NAME=VALUE.", param=option)
    return told


@click.command()
@click.argument("asset")
@click.option("--ip", required=True, metavar="ADDRESS", help="The client's address.")
@click.option("--ua", metavar="TEXT", help="Its User-Agent.")
@click.option(
    "--with",
    "told",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    help="A field or parameter that it sends, such as save-data=on, downlink=1.5 or cmcd=mtp=900.",
)
@at_control
def explain(*, asset: str, ip: str, ua: str | None, told: dict[str, str], **where: Any) -> None:
    """Tells where a client that plays ASSET would be sent, and step by step why.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    from deploy import versions  # noqa: PLC0415 - roles start faster without it
    from deploy.explain import explaining  # noqa: PLC0415 - roles start faster without it

    asked = {**told, "ip": ip} if ua is None else {**told, "ip": ip, "ua": ua}
    sys.exit(asyncio.run(versions.with_api(explaining(asset, asked), **where)))


COMMANDS: Final = (show_versions, rollback, remove, purge, explain)
