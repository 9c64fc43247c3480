"""The roles a Nearcast process can play, and where each one's settings and main coroutine are."""

import asyncio
import functools
import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from common import settings
from common.service import run_role


@dataclass(frozen=True)
class RoleEntry:
    """One role. Its module is imported only when the role is played: commands start fast."""

    name: str
    module: str
    purpose: str
    settings_name: str = "Settings"
    main_name: str = "main"

    def settings_type(self) -> type[msgspec.Struct]:
        """The struct that the role's TOML file fills."""
        kind = getattr(importlib.import_module(self.module), self.settings_name)
        return cast(type[msgspec.Struct], kind)

    def main(self) -> Callable[[Any, asyncio.Event], Awaitable[None]]:
        """The role's main coroutine function."""
        function = getattr(importlib.import_module(self.module), self.main_name)
        return cast(Callable[[Any, asyncio.Event], Awaitable[None]], function)


ROLES = {
    entry.name: entry
    for entry in (
        RoleEntry("origin", "origin.app", "Delivers packages to edges."),
        RoleEntry("ingest", "ingest.app", "Takes uploads and turns them into packages."),
        RoleEntry(
            "worker",
            "ingest.app",
            "Encodes what ingest has queued.",
            settings_name="WorkerSettings",
            main_name="worker_main",
        ),
        RoleEntry("control", "control_plane.app", "Keeps the catalog and routes viewers."),
        RoleEntry("edge", "edge.app", "Serves viewers from its cache."),
    )
}


def play(name: str, config: Path) -> int:
    """Plays the role ``name`` with the settings in ``config`` until it is told to stop.

    Returns:
        The process's exit status.

    Raises:
        SettingsInvalid: the settings cannot be read or do not fit.
    """
    loaded: Any = settings.load(config, ROLES[name].settings_type())
    return _run(name, loaded)


def play_document(name: str, document: dict[str, Any]) -> int:
    """Plays the role ``name`` with settings that are no file's; otherwise as ``play``."""
    kind = ROLES[name].settings_type()
    return _run(name, settings.check(document, kind, source=f"nearcast {name}"))


def _run(name: str, loaded: Any) -> int:
    main = functools.partial(ROLES[name].main(), loaded)
    return run_role(name, main, log_level=loaded.log_level)


def example_config(name: str) -> str:
    """The commented example of the settings of role ``name``."""
    entry = ROLES[name]
    return settings.example(
        entry.settings_type(),
        heading=f"Settings of `nearcast {name} --config FILE`. {entry.purpose}",
    )
