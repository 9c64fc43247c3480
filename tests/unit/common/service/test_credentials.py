"""Credentials that expire, and how settings tell when."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request

from common import settings
from common.errors import CredentialExpired, CredentialForbidden, CredentialUnknown, SettingsInvalid
from common.service import CredentialSettings, Gatekeeper, Role

EXPIRES = datetime(2030, 1, 31, 12, tzinfo=UTC)
TOKEN = "edge-token-for-tests"


@dataclass
class Clock:
    """A clock that the test sets."""

    at: datetime

    def now(self) -> float:
        return self.at.timestamp()

    def monotonic(self) -> float:
        return self.at.timestamp()


def opened(clock: Clock, *roles: Role, expires_at: datetime | None = EXPIRES) -> str:
    credential = CredentialSettings(
        name="eu-1", token=TOKEN, roles=(Role.EDGE,), expires_at=expires_at
    )
    request = make_mocked_request("GET", "/", headers={hdrs.AUTHORIZATION: f"Bearer {TOKEN}"})
    return Gatekeeper([credential], clock).require(request, *roles).name


def test_a_credential_opens_until_it_expires() -> None:
    assert opened(Clock(datetime(2030, 1, 31, 11, 59, 59, tzinfo=UTC)), Role.EDGE) == "eu-1"


def test_an_expired_credential_is_refused_with_its_time() -> None:
    with pytest.raises(
        CredentialExpired, match="'eu-1' expired at 2030-01-31 12:00:00 UTC"
    ) as told:
        opened(Clock(EXPIRES), Role.EDGE)

    assert told.value.status == 401
    assert 'error="invalid_token"' in told.value.headers["WWW-Authenticate"]


def test_an_expired_credential_is_refused_for_that_whatever_it_may() -> None:
    with pytest.raises(CredentialExpired):
        opened(Clock(EXPIRES), Role.INGEST)
    with pytest.raises(CredentialForbidden):
        opened(Clock(datetime(2029, 1, 1, tzinfo=UTC)), Role.INGEST)


def test_a_credential_without_an_end_has_none() -> None:
    assert opened(Clock(datetime(9999, 1, 1, tzinfo=UTC)), Role.EDGE, expires_at=None) == "eu-1"


def test_a_credential_that_is_in_the_settings_no_more_opens_nothing() -> None:
    request = make_mocked_request("GET", "/", headers={hdrs.AUTHORIZATION: f"Bearer {TOKEN}"})
    with pytest.raises(CredentialUnknown):
        Gatekeeper([], Clock(EXPIRES)).require(request, Role.EDGE)


def written_to(folder: Path, expires_at: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(
        f'[[credentials]]\nname = "eu-1"\ntoken = "{TOKEN}"\n'
        f'roles = ["edge"]\nexpires_at = {expires_at}\n'
    )
    return file


class Holder(msgspec.Struct, frozen=True):
    """Settings with credentials in them."""

    credentials: tuple[CredentialSettings, ...]


@pytest.mark.parametrize(
    "written",
    ["2030-01-31T12:00:00Z", '"2030-01-31T12:00:00Z"', "2030-01-31T14:00:00+02:00"],
)
def test_settings_tell_when_it_expires(tmp_path: Path, written: str) -> None:
    file = written_to(tmp_path, written)

    (credential,) = settings.load(file, Holder).credentials
    assert credential.expires_at == EXPIRES


@pytest.mark.parametrize("written", ["2030-01-31T12:00:00", '"2030-01-31T12:00:00"', '"soon"', "5"])
def test_a_time_that_says_nothing_of_its_offset_is_refused(tmp_path: Path, written: str) -> None:
    file = written_to(tmp_path, written)

    with pytest.raises(SettingsInvalid, match="expires_at"):
        settings.load(file, Holder)


def test_it_is_known_until_when_a_name_opens_something() -> None:
    def given(name: str, token: str, expires_at: datetime | None) -> CredentialSettings:
        return CredentialSettings(
            name=name, token=token * 16, roles=(Role.EDGE,), expires_at=expires_at
        )

    gatekeeper = Gatekeeper(
        [
            given("eu-1", "a", datetime(2030, 1, 1, tzinfo=UTC)),
            given("eu-1", "b", datetime(2031, 1, 1, tzinfo=UTC)),
            given("eu-2", "c", None),
        ]
    )

    assert gatekeeper.valid_until("eu-1") == datetime(2031, 1, 1, tzinfo=UTC).timestamp()
    assert gatekeeper.valid_until("eu-2") == math.inf
    assert gatekeeper.valid_until("eu-3") is None
