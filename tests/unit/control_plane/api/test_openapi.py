"""What is made of routes and of what is said of their handlers."""

import functools
from typing import Any

import msgspec
from aiohttp import web

from common.errors import BadRequest, CredentialUnknown
from common.service import Role
from control_plane.api.describing import Number, described
from control_plane.api.openapi import document, missing


class Film(msgspec.Struct):
    """A film."""

    name: str


class FilmsApi:
    """Handlers."""

    @described(Role.PUBLISHER, answer=list[Film], query={"limit": Number, "q": str}, needs=["q"])
    async def films(self, _: web.Request) -> web.Response:
        """Films that are
        searched for.

        Slowly.
        """
        return web.Response()

    @described(body=Film, status=201, refuses=[CredentialUnknown, BadRequest])
    async def add(self, _: web.Request) -> web.Response:
        """A new film."""
        return web.Response()

    async def forgotten(self, _: web.Request) -> web.Response:
        """Nobody says what this is."""
        return web.Response()


def application() -> web.Application:
    api = FilmsApi()

    @functools.wraps(api.add)
    async def wrapped(request: web.Request) -> web.Response:
        return await api.add(request)

    made = web.Application()
    made.router.add_get("/v1/films", api.films)
    made.router.add_post("/v1/films", wrapped)
    made.router.add_put("/v1/films/{name:all|(?:by|of)/[a-z]+}/{what}", api.films)
    made.router.add_delete("/v1/films", api.forgotten)
    made.router.add_options("/v1/films", api.forgotten)
    made.router.add_get("/elsewhere", api.forgotten)
    return made


def told(path: str, method: str) -> Any:
    return document(application())["paths"][path][method]


def test_routes_that_nobody_describes_are_missing() -> None:
    assert missing(application()) == ["DELETE /v1/films"]
    assert set(document(application())["paths"]["/v1/films"]) == {"get", "post"}


def test_what_is_said_of_a_handler_is_told() -> None:
    films = told("/v1/films", "get")

    assert films["summary"] == "Films that are searched for."
    assert films["tags"] == ["films"]
    assert films["security"] == [{"bearer": ["operator"]}, {"bearer": ["publisher"]}]
    assert films["parameters"] == [
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
        },
        {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}},
    ]
    assert list(films["responses"]) == ["200", "400", "401", "403", "503"]


def test_a_handler_that_is_wrapped_is_told() -> None:
    add = told("/v1/films", "post")

    assert add["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Film"
    }
    assert add["security"] == [{}, {"bearer": []}]
    assert list(add["responses"]) == ["201", "400", "401", "408", "413", "422"]
    assert add["responses"]["422"]["description"] == (
        "The body is not a valid {message}: {reason}."
    )


def test_a_part_of_a_path_has_its_pattern() -> None:
    parameters = told("/v1/films/{name}/{what}", "put")["parameters"]

    assert [(each["name"], each["schema"]["pattern"]) for each in parameters[:2]] == [
        ("name", "^(?:all|(?:by|of)/[a-z]+)$"),
        ("what", "^(?:[^{}/]+)$"),
    ]
