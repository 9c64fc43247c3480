"""``nearcast zones`` and ``nearcast policies``, and what is below them, as the command line has
them."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deploy.options import at_control

if TYPE_CHECKING:
    from deploy.edges import Work

_NAME: Final = re.compile(r"default|(?:creators|assets)/[A-Za-z0-9_-]{1,64}")


def _checked(_: click.Context, argument: click.Parameter, given: str) -> str:
    if not _NAME.fullmatch(given):
        raise click.BadParameter("a policy is default, creators/ID or assets/ID.", param=argument)
    return given


_name = click.argument("name", callback=_checked)
_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


def _done(work: "Callable[[], Work]", where: dict[str, Any]) -> None:
    from deploy.edges import ask  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(ask(work(), **where)))


@click.group("zones")
def zones() -> None:
    """Says which regions serve which networks.

    Without --control, these commands ask the system that `nearcast up` runs on the same --home.
    """


@zones.command("show")
@at_control
def show_zones(**where: Any) -> None:
    """Prints all zones, as JSON that `nearcast zones upload` takes."""
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.showing_zones, where)


@zones.command("upload")
@_file
@at_control
def upload_zones(*, file: Path, **where: Any) -> None:
    """Has the zones in FILE hold from now on, in place of all others.

    FILE is JSON, such as {"zones": [{"name": "campus", "networks": ["192.0.2.0/24"], "regions":
    ["eu"]}]}: names, networks (CIDR) and the regions that serve them, the best first.
    """
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.uploading_zones(file), where)


@zones.command("remove")
@at_control
def remove_zones(**where: Any) -> None:
    """Takes all zones away."""
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.removing_zones, where)


@click.group("policies")
def policies() -> None:
    """Says who may watch what, and who gets it from elsewhere.

    A policy is called `default`, `creators/ID` or `assets/ID`; the most special one decides alone.

    Without --control, these commands ask the system that `nearcast up` runs on the same --home.
    """


@policies.command("list")
@at_control
def list_policies(**where: Any) -> None:
    """Lists the policies, and who told them when."""
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.listing_policies, where)


@policies.command("show")
@_name
@at_control
def show_policy(*, name: str, **where: Any) -> None:
    """Prints the policy NAME, as JSON that `nearcast policies set` takes."""
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.showing_policy(name), where)


@policies.command("set")
@_name
@_file
@at_control
def set_policy(*, name: str, file: Path, **where: Any) -> None:
    """Has the policy in FILE hold from now on as NAME.

    FILE is JSON, such as {"allowed_countries": ["DE", "AT"], "deny_url": "https://…"}. It may have
    allowed_countries, blocked_countries, allowed_networks, blocked_networks, deny_url, bypass_url,
    bypass_countries and bypass_networks.
    """
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.setting_policy(name, file), where)


@policies.command("remove")
@_name
@at_control
def remove_policy(*, name: str, **where: Any) -> None:
    """Takes the policy NAME away; a less special one holds from now on."""
    from deploy import admission  # noqa: PLC0415 - roles start faster without it

    _done(lambda: admission.removing_policy(name), where)
