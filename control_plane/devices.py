"""What kind of device asks: User-Agent fields read with ua-parser, and remembered.

Reading one takes tens of microseconds, and there are few that many send.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from ua_parser import Parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from control_plane.routing import Agent, Device, device

GUESSED: Final = "Generic"
"""The brand of devices of which ua-parser knows nothing, which it calls phones."""
REMEMBERED: Final = 4096
"""Devices; at most about 8 MB, and 1 MB of what honest ones send."""
FIELDS: Final = (
    "user-agent",
    "accept",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-ch-ua-form-factors",
    "sec-ch-viewport-width",
    "sec-ch-viewport-height",
    "sec-ch-dpr",
)
PARAMETERS: Final = ("max_height", "codecs")


@cache
def _parser() -> Parser:
    return Parser(Resolver(load_lazy_builtins()))


class Devices:
    """Knows devices."""

    def __init__(self) -> None:
        """Reads what ua-parser knows, once in a process: it takes a tenth of a second."""
        self._parser = _parser()
        self._known = lru_cache(REMEMBERED)(self._read)

    def of(self, fields: Mapping[str, str], query: Mapping[str, str]) -> Device:
        """What asks, by its request's fields and parameters, all cut to what of them counts."""
        return self._known(tuple(map(fields.get, FIELDS)), tuple(map(query.get, PARAMETERS)))

    def _read(self, values: tuple[str | None, ...], asked: tuple[str | None, ...]) -> Device:
        fields = {name: value for name, value in zip(FIELDS, values, strict=True) if value}
        query = {name: value for name, value in zip(PARAMETERS, asked, strict=True) if value}
        user_agent = fields.get("user-agent", "")
        return device(user_agent, self._agent(user_agent), fields, query)

    def _agent(self, user_agent: str) -> Agent:
        told = self._parser.parse(user_agent)
        browser, system, model = told.user_agent, told.os, told.device
        return Agent(
            browser=browser.family if browser else "",
            version=_number(browser.major if browser else None),
            system=system.family if system else "",
            system_version=_number(system.major if system else None),
            device=model.family if model and model.brand != GUESSED else "",
        )


def _number(text: str | None) -> int:
    return (
        int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else 0
    )
