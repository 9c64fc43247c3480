"""``GET /openapi.json``: what can be asked of a control plane, as an OpenAPI document (3.1).

It is made of the routes and of what ``describing`` says of their handlers, so that it cannot tell
anything else.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from common.errors import (
    BadRequest,
    CredentialExpired,
    CredentialForbidden,
    CredentialMissing,
    CredentialUnknown,
    NearcastError,
    Unavailable,
)
from common.messages import MessageInvalid, encode
from common.service import Role
from common.service.problems import PROBLEM_TYPE
from control_plane.api.bodies import BodyTooLarge, BodyTooSlow, BodyTruncated
from control_plane.api.describing import Operation, operation_of

DESCRIBED: Final = ("/v1/", "/play/", "/steer/")
"""What paths begin with that have to be described."""
CREDENTIALS: Final = (
    CredentialMissing,
    CredentialUnknown,
    CredentialExpired,
    CredentialForbidden,
    Unavailable,
)
BODIES: Final = (BodyTooLarge, BodyTooSlow, BodyTruncated, MessageInvalid)
NAMED_GROUP: Final = re.compile(r"\(\?P<(\w+)>")
"""Where a parameter begins in the pattern of a path."""
NO_OPERATION: Final = frozenset({"HEAD", "OPTIONS", "*"})
"""Methods that are no more than what GET is, or what browsers ask beforehand."""
SCHEMAS: Final = "#/components/schemas/{name}"


class Problem(msgspec.Struct, frozen=True):
    """Why a request failed (RFC 9457); the facts of the case are further members."""

    type: str
    """A URN that names the mistake."""
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    """A sentence for people."""


class OpenApi:
    """The handler of the document."""

    def __init__(self, application: web.Application) -> None:
        self._application = application
        self._document = b""

    def routes(self) -> list[web.RouteDef]:
        """Where the handler is."""
        return [web.get("/openapi.json", self.answer)]

    async def answer(self, _: web.Request) -> web.Response:
        """The document. Everybody may read it: it tells what this software is, nothing more."""
        self._document = self._document or encode(document(self._application))
        return web.Response(
            body=self._document,
            content_type="application/json",
            headers={"Cache-Control": "no-cache"},
        )


class _Route(msgspec.Struct, frozen=True):
    """A route that is described, or should be."""

    method: str
    path: str
    """With its parameters in braces."""
    parameters: dict[str, str]
    """The pattern of each."""
    handler: Callable[..., Any]
    operation: Operation | None


def missing(application: web.Application) -> list[str]:
    """The routes that nobody has described, such as ``GET /v1/edges``."""
    return [
        f"{route.method} {route.path}"
        for route in _routes(application)
        if route.operation is None and route.path.startswith(DESCRIBED)
    ]


def document(application: web.Application) -> dict[str, Any]:
    """The OpenAPI document of the routes of ``application`` that are described."""
    routes = [(route, each) for route in _routes(application) if (each := route.operation)]
    kinds = [kind for _, operation in routes for kind in _kinds(operation)]
    found, components = msgspec.json.schema_components([*kinds, Problem], ref_template=SCHEMAS)
    schemas = iter(found)
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in routes:
        told = _told(route, operation, [next(schemas) for _ in _kinds(operation)])
        paths.setdefault(route.path, {})[route.method.lower()] = told
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Nearcast control plane",
            "version": "1",
            "description": "Errors are problem documents (RFC 9457). Members that are not named "
            "here may come with later releases.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a credential, whose roles open what it may do.",
                }
            },
        },
    }
    ended: dict[str, Any] = _with_ends(whole)
    return ended


def _routes(application: web.Application) -> Iterator[_Route]:
    for route in application.router.routes():
        resource = route.resource
        if resource is None or route.method in NO_OPERATION:
            continue
        told = resource.get_info()
        pattern = told["pattern"].pattern if "pattern" in told else ""
        parameters = {
            group[1]: _group(pattern[group.end() :]) for group in NAMED_GROUP.finditer(pattern)
        }
        handler = route.handler
        yield _Route(route.method, resource.canonical, parameters, handler, operation_of(handler))


def _group(rest: str) -> str:
    """What stands in a group, of whose pattern ``rest`` is what follows its beginning."""
    depth = 1
    for place, character in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return rest[:place]
    return rest


def _kinds(operation: Operation) -> Sequence[Any]:
    """The types that need a schema: of parameters, and of body and answer where it has them."""
    messages = (kind for kind in (operation.body, operation.answer) if kind is not None)
    return [*operation.query.values(), *messages]


def _told(route: _Route, operation: Operation, schemas: list[dict[str, Any]]) -> dict[str, Any]:
    queried = dict(zip(operation.query, schemas, strict=False))
    messages = schemas[len(queried) :]
    body = messages.pop(0) if operation.body is not None else None
    owner = inspect.unwrap(route.handler).__qualname__.partition(".")[0]
    told: dict[str, Any] = {
        "operationId": "_".join(re.findall(r"\w+", f"{route.method.lower()} {route.path}")),
        "tags": [owner.removesuffix("Api").lower()],
        "summary": _words(route.handler),
        "parameters": [*_in_path(route), *_in_query(operation, queried)],
        "responses": _responses(route, operation, messages),
    }
    if operation.roles:
        # Any of them is enough; roles stand there since OpenAPI 3.1.
        roles = sorted({Role.OPERATOR, *operation.roles})
        told["security"] = [{"bearer": [role.value]} for role in roles]
    elif CredentialUnknown in operation.refuses:
        told["security"] = [{}, {"bearer": []}]
    if body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told


def _in_path(route: _Route) -> Iterator[dict[str, Any]]:
    for name, pattern in route.parameters.items():
        schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(operation: Operation, schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in schemas.items():
        yield {"name": name, "in": "query", "required": name in operation.needs, "schema": schema}


def _responses(
    route: _Route, operation: Operation, messages: list[dict[str, Any]]
) -> dict[str, Any]:
    done: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if messages:
        done["content"] = {"application/json": {"schema": messages[0]}}
    responses = {str(operation.status): done}
    problem = {PROBLEM_TYPE: {"schema": {"$ref": SCHEMAS.format(name=Problem.__name__)}}}
    for status, sentences in sorted(_refusals(route, operation).items()):
        responses[str(status)] = {"description": " ".join(sentences), "content": problem}
    return responses


def _refusals(route: _Route, operation: Operation) -> dict[int, list[str]]:
    """By status, what may be told instead of an answer."""
    errors: list[type[NearcastError]] = list(operation.refuses)
    if operation.roles:
        errors += CREDENTIALS
    if operation.body is not None:
        errors += BODIES
    if operation.query:
        errors.append(BadRequest)
    told: dict[int, list[str]] = {}
    if route.parameters:
        told[404] = ["There is nothing at this path."]
    for error in dict.fromkeys(errors):
        told.setdefault(error.status, []).append(_words(error))
    return told


def _words(documented: Any) -> str:
    """The first paragraph of a docstring; the facts of an error stand in it in braces."""
    text = inspect.getdoc(documented) or ""
    words = " ".join(text.partition("\n\n")[0].split())
    return re.sub(r"\{(\w+)[^}]*\}", r"{\1}", words)


def _with_ends(part: Any) -> Any:
    r"""``part`` with patterns as in ECMA-262, as JSON Schema has them: it knows no ``\Z``."""
    if isinstance(part, dict):
        return {
            key: value.replace(r"\Z", "$")
            if key == "pattern" and isinstance(value, str)
            else _with_ends(value)
            for key, value in part.items()
        }
    if isinstance(part, Iterable) and not isinstance(part, str):
        return [_with_ends(each) for each in part]
    return part
