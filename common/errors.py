"""The base of every error Nearcast raises on purpose, and its form on the wire.

One class per mistake. The first paragraph of a class's docstring is its message, with the facts of
the case in braces; the facts are keyword arguments and stay readable as attributes of ``facts``.
Over HTTP an error is a problem document (RFC 9457).
"""

import inspect
import re
from typing import Any, ClassVar, TypeVar

Error = TypeVar("Error", bound=Exception)


class NearcastError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    """The HTTP status code that fits the mistake (RFC 9110 §15)."""

    headers: ClassVar[dict[str, str]] = {}
    """Fields the HTTP answer must carry beside the problem document."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        template = inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0].replace("\n", " ")
        super().__init__(template.format_map(facts))

    @property
    def code(self) -> str:
        """The mistake's name in kebab case: ``AssetUnknown`` is ``asset-unknown``."""
        name = type(self).__name__.removesuffix("Error")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()

    def problem(self) -> dict[str, Any]:
        """The problem document of RFC 9457 §3, facts included as extension members."""
        facts = {
            key: value if isinstance(value, int | float | str | bool | None) else str(value)
            for key, value in self.facts.items()
            if key not in {"type", "title", "status", "detail"}
        }
        return {
            "type": f"urn:nearcast:problem:{self.code}",
            "title": self.code.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": str(self),
            **facts,
        }


class BadRequest(NearcastError):
    """{detail}"""

    status = 400


class CredentialMissing(NearcastError):
    """This needs a credential: send `Authorization: Bearer TOKEN`."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="nearcast"'}


class CredentialUnknown(NearcastError):
    """The credential sent is not one this server knows."""

    status = 401
    headers: ClassVar[dict[str, str]] = {
        "WWW-Authenticate": 'Bearer realm="nearcast", error="invalid_token"'
    }


class CredentialExpired(NearcastError):
    """The credential {name!r} expired at {expired_at}: it has to be replaced by a new one."""

    status = 401
    headers: ClassVar[dict[str, str]] = CredentialUnknown.headers


class CredentialForbidden(NearcastError):
    """The credential {name!r} may not do this: it needs one of the roles {needed}."""

    status = 403


class SettingsInvalid(NearcastError):
    """{file}: {key}: {expected}."""


class SettingsUnreadable(SettingsInvalid):
    """{file} cannot be read as settings: {reason}."""


class PortTaken(NearcastError):
    """Port {port} on {host} is taken by another program: choose another, or stop that program."""


class StorageFull(NearcastError):
    """No space is left in {where}."""

    status = 507


class Unavailable(NearcastError):
    """{what} is not reachable: {reason}."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


def first_of(errors: BaseExceptionGroup[Error]) -> Error:
    """The first error of a group, which may hold groups."""
    found = errors.exceptions[0]
    return first_of(found) if isinstance(found, BaseExceptionGroup) else found
