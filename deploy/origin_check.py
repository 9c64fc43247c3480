"""``nearcast origin-check``: looks whether the stores of all regions hold the same, and rightly."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click

from common import logs, settings
from common.clock import SystemClock
from common.errors import NearcastError
from deploy.progress import ProgressDisplay
from origin.replicas.audit import Audit, Told
from origin.replicas.checking import Flaw
from origin.replicas.regions import Regions, open_regions
from origin.replicas.survey import side_by_side
from origin.settings import Settings

FINE: Final = 0
BROKEN: Final = 1
UNREADABLE: Final = 2
"""Exit statuses."""


async def origin_check_command(config: Path, *, deep: bool, repair: bool) -> int:
    """Checks the stores of the origin with the settings in ``config``, and prints what is wrong.

    Raises:
        SettingsInvalid: the settings cannot be read or do not fit.
    """
    loaded = await asyncio.to_thread(settings.load, config, Settings)
    logs.configure("origin-check", level="error")
    try:
        async with open_regions(loaded) as regions:
            return await _check(regions, deep=deep, repair=repair, rate=loaded.replication.rate)
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return UNREADABLE


async def _check(regions: Regions, *, deep: bool, repair: bool, rate: int) -> int:
    # Elsewhere than on a terminal the report stands alone.
    shown = sys.stdout.isatty()
    with ProgressDisplay() if shown else nullcontext() as display:
        looked = await _progress(regions, display)
        audit = Audit(regions, SystemClock(), deep=deep, repair=repair, rate=rate, looked=looked)
        say = display.say if display is not None else click.echo
        async with contextlib.aclosing(audit.run()) as found:
            async for told in found:
                say(_line(told))
    totals = audit.totals
    names = ", ".join(region.name for region in regions.all)
    click.echo(
        f"{names}: {totals.versions} versions, {totals.objects} objects looked "
        f"{'into' if deep else 'at'}, {totals.flaws} flaws, {totals.repaired} repaired"
    )
    return BROKEN if totals.flaws > totals.repaired else FINE


async def _progress(regions: Regions, display: ProgressDisplay | None) -> Callable[[], None]:
    """What shows, after each version, how far the check is."""
    if display is None:
        return lambda: None
    total = done = 0
    display.show("Checked", 0, "counting")
    async with contextlib.aclosing(side_by_side([region.store for region in regions.all])) as found:
        async for _ in found:
            total += 1

    def looked() -> None:
        nonlocal done
        done += 1
        # Some may have come since they were counted.
        display.show("Checked", 100 * done / max(total, done), f"{done} of {total} versions")

    return looked


def _line(told: Told) -> str:
    finding = told.finding
    end = ""
    if told.repaired:
        end = ": repaired"
    elif told.trouble is not None:
        end = f": not repaired. {told.trouble}"
    elif finding.flaw is Flaw.EXTRA:
        end = " (no manifest names it)"
    return f"{finding.store}: {finding.flaw.value}: {finding.key}{end}"
