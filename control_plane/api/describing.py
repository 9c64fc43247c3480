"""What a handler takes and answers, said beside it: the OpenAPI document is made of that.

    @described(Role.OPERATOR, body=PurgeRequest, answer=PurgeView, status=202, refuses=[PurgeStorm])
    async def purge(self, request: web.Request) -> web.Response:

The first paragraph of the handler's docstring is its summary; path, method and the parameters in
the path are those of its route.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from common.errors import NearcastError
from common.service import Role

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[web.StreamResponse]])

Seconds = Annotated[float, msgspec.Meta(ge=0)]
"""How long a query says that an answer may wait."""
Number = Annotated[int, msgspec.Meta(ge=0, le=10**18 - 1)]
"""A number in a query."""
IpAddress = Annotated[
    str, msgspec.Meta(extra_json_schema={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
]
"""An address in a query."""


def up_to(most: int) -> Any:
    """The type of a number in a query, from 1 to ``most``."""
    return Annotated[int, msgspec.Meta(ge=1, le=most)]


@dataclass(frozen=True)
class Operation:
    """What is said of a handler."""

    roles: Sequence[Role]
    """Any of which, and an operator's, opens it; empty where it asks for no credential. One may be
    sent nevertheless where it refuses those that are not known (``CredentialUnknown``)."""
    body: Any
    """The type of the message in the request; None for none."""
    answer: Any
    """The type of the message in the answer; None for none."""
    status: int
    query: Mapping[str, Any]
    """The types of the parameters of the query."""
    needs: Sequence[str]
    """Those that have to be there."""
    refuses: Sequence[type[NearcastError]]
    """Errors of its own; those of credentials, bodies and databases need not be named."""


_OPERATIONS: Final[dict[Callable[..., Any], Operation]] = {}


def described(
    *roles: Role,
    body: Any = None,
    answer: Any = None,
    status: int | None = None,
    query: Mapping[str, Any] | None = None,
    needs: Sequence[str] = (),
    refuses: Sequence[type[NearcastError]] = (),
) -> Callable[[Handler], Handler]:
    """Describes a handler; see ``Operation``. ``status`` is 200 by default, or 204 without an
    answer."""
    found = status or (204 if answer is None else 200)
    operation = Operation(roles, body, answer, found, query or {}, needs, refuses)

    def describe(handler: Handler) -> Handler:
        _OPERATIONS[handler] = operation
        return handler

    return describe


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    """What is said of ``handler``, of the method that it is, or of what it wraps (functools.wraps);
    None for nothing."""
    inner = inspect.unwrap(handler)
    return _OPERATIONS.get(getattr(inner, "__func__", inner))
