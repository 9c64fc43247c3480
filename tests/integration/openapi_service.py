"""Asks a control plane whatever its OpenAPI document allows, and what it does not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from common.service import PeerSettings
from control_plane.accounts import AccountsSettings
from control_plane.settings import Settings
from tests.integration.control_service import TOKENS, Talk, control_plane, control_settings
from tests.servers.processes import free_ports

CHECKED: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
HEADERS: Final = {"Authorization": f"Bearer {TOKENS['operator']}"}
KNOWN: Final[dict[str, Any]] = {"asset_id": "a", "version": "1", "edge_id": "eu-1"}
"""What paths name where it is right, so that there is something to answer."""
OWN: Final[dict[str, Any]] = {
    "edge_id": "eu-1",
    "region": "eu",
    "url": "https://eu-1.example.org",
    "started_at": 100.0,
    "version": "1",
}
"""What bodies name there, and what the edge tells of itself."""
LOOKED_FOR: Final = {"ip": "192.0.2.1", "asset": "a"}
"""What queries name there."""
ANYTHING: Final = "^(?:[^{}/]+)$"
"""The pattern of a part of a path that may be anything."""
REFUSALS: Final = ("400", "401", "403", "404", "405", "408", "409", "413", "415", "422", "429")
"""How what is not taken may be refused."""


class Asked:
    """Answers by operation and status, so that a test can tell what was reached."""

    def __init__(self) -> None:
        self.statuses: dict[str, set[int]] = {}

    def reached(self, operation: str, status: int) -> bool:
        """Whether an operation answered so."""
        return status in self.statuses.get(operation, ())


def everything(folder: Path) -> Settings:
    """Settings with all that has routes of its own; the origin is away."""
    (nobody,) = free_ports(1)
    origin = PeerSettings(url=f"http://127.0.0.1:{nobody}", token="token-of-the-tests")
    accounts = AccountsSettings(sqlite=folder / "accounts.sqlite")
    return control_settings(folder, origin=origin, accounts=accounts)


@contextlib.asynccontextmanager
async def asked_plane(folder: Path) -> AsyncIterator[tuple[Talk, str]]:
    """A control plane with an asset, the edge that is asked about, and another one that takes
    viewers whatever becomes of that; and its URL."""
    settings = everything(folder)
    async with control_plane(settings) as talk:
        await talk.publish("a")
        await talk.publish("gone")
        await talk.beat("eu-1")
        await talk.beat("us-1")
        yield talk, f"http://127.0.0.1:{settings.listen.port}"


async def ask_everything(talk: Talk, base: str, *, examples: int, always_the_same: bool) -> Asked:
    """Asks every operation, so many times with what it takes and with what it does not.

    Raises:
        FailureGroup: an answer is not as the document says, or an error of the server's.
    """
    _, document, _ = await talk.call("GET", "/openapi.json")
    settings = hypothesis.settings(
        max_examples=examples,
        derandomize=always_the_same,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return await asyncio.to_thread(_ask, document, base, settings)


def _ask(document: dict[str, Any], base: str, settings: hypothesis.settings) -> Asked:
    load_all_checks()
    for operation in (each for path in document["paths"].values() for each in path.values()):
        # Who may ask is tested elsewhere; here, an operator does.
        operation.pop("security", None)
    config = SchemathesisConfig.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": list(REFUSALS)}}}
    )
    checks: list[Any] = [CHECKS.get_one(name) for name in CHECKED]
    asked = Asked()
    with requests.Session() as session:

        def ask(case: Case[Any], label: str) -> None:
            answer = case.call(base_url=base, session=session, headers=HEADERS, timeout=50)
            asked.statuses.setdefault(label, set()).add(answer.status_code)
            case.validate_response(answer, checks=checks, headers=HEADERS)

        for found in schemathesis.openapi.from_dict(document, config=config).get_all_operations():
            assert isinstance(found, Ok), found
            for mode in _modes(found.ok()):
                _ask_one(found.ok(), mode, ask, settings)
    return asked


def _modes(operation: APIOperation[Any, Any, Any, Any]) -> list[GenerationMode]:
    """Whether there is anything that an operation does not take."""
    patterns = [each.definition["schema"]["pattern"] for each in operation.path_parameters]
    wrong = operation.body or operation.query or set(patterns) - {ANYTHING}
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if wrong else [])]


def _ask_one(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    ask: Callable[[Case[Any], str], None],
    settings: hypothesis.settings,
) -> None:
    @settings
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def example(case: Case[Any]) -> None:
        _settle(case, mode)
        ask(case, operation.label)

    example()


def _settle(case: Case[Any], mode: GenerationMode) -> None:
    """Names what there is, as no chance would, so that the rest counts; nobody waits for what does
    not come."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        if float(case.query["wait"]) >= 0:
            case.query["wait"] = 0
    # What nobody knows changes nothing, and is no error.
    for name in set(case.query or ()) - {each.name for each in case.operation.query}:
        del case.query[name]
    if mode is GenerationMode.NEGATIVE and not (case.operation.body or case.operation.query):
        return
    known = {**KNOWN, "asset_id": "gone"} if case.method == "DELETE" else KNOWN
    names = {name: known[name] for name in case.path_parameters if name in known}
    case.path_parameters.update(names)
    if mode is GenerationMode.NEGATIVE:
        return
    case.query.update({name: text for name, text in LOOKED_FOR.items() if name in case.query})
    if isinstance(case.body, dict) and names:
        case.body |= {name: value for name, value in OWN.items() if name in case.body}
