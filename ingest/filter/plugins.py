"""Finds the plug-ins that packages register, and checks a chain's settings against them."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import msgspec

from common.errors import NearcastError, SettingsInvalid
from common.settings import check, example
from ingest.filter.answers import short
from ingest.filter.model import Answer, Subject
from ingest.filter.settings import FilterSettings
from ingest.filter.tools import Tools

GROUP: Final = "nearcast.filters"
"""The group of entry points (packaging.python.org, "Entry points specification")."""


class Plugin(Protocol):
    """What a plug-in is; `ingest.filter` shows one whole."""

    Options: ClassVar[type[msgspec.Struct]]

    def __init__(self, options: Any) -> None:
        """Keep ``options``; also done once when the service starts, so it costs little.

        Raises:
            FilterFailed: something that it needs is not there.
        """

    def check(self, subject: Subject, tools: Tools) -> Answer:
        """Look at one video; may block, and runs alone in a process of its own."""


def check_chain(chain: Sequence[FilterSettings]) -> None:
    """Refuse a chain that could not run; reads files, so not for the event loop.

    Raises:
        SettingsInvalid: two filters have one name, a plug-in is not known or cannot be loaded, or
            its options do not fit.
    """
    names: set[str] = set()
    for number, entry in enumerate(chain):
        place = f"filters[{number}]"
        if entry.name in names:
            raise _invalid(f"{place}.name", f"another filter is called {entry.name!r} too")
        names.add(entry.name)
        try:
            prepared(entry.kind, entry.options, place=place)
        except SettingsInvalid:
            raise
        except NearcastError as error:
            raise _invalid(place, _inside(str(error))) from error


def prepared(kind: str, options: dict[str, Any], *, place: str) -> Plugin:
    """The plug-in ``kind`` with its ``options``, which stand at ``place`` in the settings.

    Raises:
        SettingsInvalid: it is not known, cannot be loaded, or its options do not fit.
        FilterFailed: something that it needs is not there.
    """
    made = _loaded(kind, place)
    try:
        fitting = check(options, made.Options, source="settings")
    except SettingsInvalid as error:
        key = error.facts["key"]
        inner = "" if key == "settings" else f".{key}"
        raise _invalid(f"{place}.options{inner}", error.facts["expected"]) from error
    return made(fitting)


def example_of(kind: str) -> str:
    """A commented example of the options of the plug-in ``kind``, in TOML.

    Raises:
        SettingsInvalid: it is not known, cannot be loaded, or does not describe its options.
    """
    options = _loaded(kind, "filters").Options
    try:
        return example(options, heading=f"Options of the filter {kind!r}.")
    except TypeError as error:
        raise _invalid(
            "filters.kind", f"the filter {kind!r} does not describe its options"
        ) from error


def _loaded(kind: str, place: str) -> type[Plugin]:
    found = importlib.metadata.entry_points(group=GROUP)
    if kind not in found.names:
        known = ", ".join(sorted(found.names))
        raise _invalid(f"{place}.kind", f"no filter is called {kind!r}; known are {known}")
    try:
        made = found[kind].load()
    except Exception as error:  # a plug-in may fail in any way when it is imported
        reason = short(f"{type(error).__name__}: {error}")
        raise _invalid(
            f"{place}.kind", f"the filter {kind!r} cannot be loaded ({reason})"
        ) from error
    options = getattr(made, "Options", None)
    if not (isinstance(options, type) and issubclass(options, msgspec.Struct)):
        raise _invalid(f"{place}.kind", f"the filter {kind!r} has no msgspec Struct Options")
    plugin: type[Plugin] = made
    return plugin


def _inside(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _invalid(key: str, expected: str) -> SettingsInvalid:
    return SettingsInvalid(file="settings", key=key, expected=expected)
