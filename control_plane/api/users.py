"""``/v1/users`` and ``/v1/me``: users and their tokens, for operators and for oneself."""

from typing import Final

import msgspec
from aiohttp import hdrs, web

from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    AccountRole,
    MeView,
    NewToken,
    TokenQuestion,
    TokenRequest,
    TokenStanding,
    TokenView,
    UserChange,
    UserRequest,
    UsersPage,
    UserView,
)
from common.service import Credential, Gatekeeper, Role
from control_plane.accounts import (
    Accounts,
    NoAccount,
    TokenUnknown,
    TooManyTokens,
    UserNameTaken,
    UserUnknown,
)
from control_plane.api.asked import PAGED, TOKEN, USER, account_of, cut, message_of, page_of
from control_plane.api.describing import described
from control_plane.api.fleet import json_answer
from control_plane.api.versions import NotJson

OF_ONESELF: Final = frozenset({AccountRole.VIEWER, AccountRole.PUBLISHER})
"""Roles that users may give to tokens of theirs; an operator gives the others."""


class TokenReachesFurther(NearcastError):
    """A token opens no more, and for no longer, than the one it is made with, and never what is for
    operators or edges."""

    status = 403


class RoleMissing(NearcastError):
    """The user {name!r} has not the role {role}: they have to get it first."""

    status = 409


class UsersApi:
    """Handlers for users and tokens."""

    def __init__(self, accounts: Accounts, gatekeeper: Gatekeeper, clock: Clock) -> None:
        self._accounts = accounts
        self._gatekeeper = gatekeeper
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.post("/v1/users", self.add),
            web.get("/v1/users", self.users),
            web.get(USER, self.user),
            web.patch(USER, self.change),
            web.delete(USER, self.delete),
            web.post(f"{USER}/tokens", self.add_token),
            web.get(f"{USER}/tokens", self.tokens),
            web.delete(f"{USER}/tokens/{TOKEN}", self.revoke),
            web.get("/v1/me", self.me),
            web.post("/v1/me/tokens", self.add_my_token),
            web.get("/v1/me/tokens", self.my_tokens),
            web.delete(f"/v1/me/tokens/{TOKEN}", self.revoke_my_token),
            web.post("/v1/tokens/introspect", self.introspect),
        ]

    @described(
        Role.OPERATOR,
        body=UserRequest,
        answer=UserView,
        status=201,
        refuses=[NotJson, UserNameTaken],
    )
    async def add(self, request: web.Request) -> web.Response:
        """A new user."""
        self._gatekeeper.require(request, Role.OPERATOR)
        user = await self._accounts.add_user(await message_of(request, UserRequest))
        answer = json_answer(user.view, status=201)
        answer.headers[hdrs.LOCATION] = f"/v1/users/{user.user_id}"
        return answer

    @described(Role.OPERATOR, answer=UsersPage, query=PAGED | {"name": str})
    async def users(self, request: web.Request) -> web.Response:
        """Users by name; with ``name``, the one who is called so."""
        self._gatekeeper.require(request, Role.OPERATOR)
        after, limit = page_of(request)
        name = request.query.get("name")
        found = await self._accounts.people.page(after, limit + 1, name=name and name[:65])
        page, more = cut([user.view for user in found], limit)
        return json_answer(UsersPage(page, page[-1].name if more else None))

    @described(Role.OPERATOR, answer=UserView, refuses=[UserUnknown])
    async def user(self, request: web.Request) -> web.Response:
        """One user."""
        user_id = self._named(request)
        return json_answer((await self._accounts.people.user(user_id)).view)

    @described(
        Role.OPERATOR,
        body=UserChange,
        answer=UserView,
        refuses=[NotJson, UserUnknown, UserNameTaken],
    )
    async def change(self, request: web.Request) -> web.Response:
        """Names, disables or enables a user, or gives them other roles."""
        user_id = self._named(request)
        asked = await message_of(request, UserChange)
        return json_answer((await self._accounts.change_user(user_id, asked)).view)

    @described(Role.OPERATOR, refuses=[UserUnknown])
    async def delete(self, request: web.Request) -> web.Response:
        """Deletes a user, their tokens and what they follow; their channels are nobody's then."""
        await self._accounts.delete_user(self._named(request))
        return web.Response(status=204)

    @described(
        Role.OPERATOR,
        body=TokenRequest,
        answer=NewToken,
        status=201,
        refuses=[NotJson, UserUnknown, RoleMissing, TooManyTokens],
    )
    async def add_token(self, request: web.Request) -> web.Response:
        """A new token of a user, with its secret."""
        user_id = self._named(request)
        asked = await message_of(request, TokenRequest)
        user = await self._accounts.people.user(user_id)
        for role in sorted(set(asked.roles) - set(user.roles)):
            raise RoleMissing(name=user.name, role=role)
        return _made(await self._accounts.add_token(user_id, asked), f"/v1/users/{user_id}")

    @described(Role.OPERATOR, answer=list[TokenView], refuses=[UserUnknown])
    async def tokens(self, request: web.Request) -> web.Response:
        """The tokens of a user."""
        found = await self._accounts.people.tokens(self._named(request))
        return json_answer([token.view for token in found])

    @described(Role.OPERATOR, refuses=[TokenUnknown])
    async def revoke(self, request: web.Request) -> web.Response:
        """Has a token open nothing any more."""
        await self._accounts.revoke(self._named(request), request.match_info["token_id"])
        return web.Response(status=204)

    @described(Role.VIEWER, Role.PUBLISHER, answer=MeView, refuses=[NoAccount])
    async def me(self, request: web.Request) -> web.Response:
        """Who asks."""
        credential, user_id = account_of(self._gatekeeper, request)
        roles = _roles_of(credential)
        channels = tuple(sorted(credential.channels))
        return json_answer(MeView(user_id, credential.name, roles, channels))

    @described(
        Role.VIEWER,
        Role.PUBLISHER,
        body=TokenRequest,
        answer=NewToken,
        status=201,
        refuses=[NotJson, NoAccount, TokenReachesFurther, UserUnknown, TooManyTokens],
    )
    async def add_my_token(self, request: web.Request) -> web.Response:
        """A new token of one's own, which reaches no further than the one that was presented."""
        credential, user_id = account_of(self._gatekeeper, request)
        asked = _within(await message_of(request, TokenRequest), credential)
        return _made(await self._accounts.add_token(user_id, asked), "/v1/me")

    @described(
        Role.VIEWER, Role.PUBLISHER, answer=list[TokenView], refuses=[NoAccount, UserUnknown]
    )
    async def my_tokens(self, request: web.Request) -> web.Response:
        """One's own tokens."""
        _, user_id = account_of(self._gatekeeper, request)
        found = await self._accounts.people.tokens(user_id)
        return json_answer([token.view for token in found])

    @described(Role.VIEWER, Role.PUBLISHER, refuses=[NoAccount, TokenUnknown])
    async def revoke_my_token(self, request: web.Request) -> web.Response:
        """Has a token of one's own open nothing any more."""
        _, user_id = account_of(self._gatekeeper, request)
        await self._accounts.revoke(user_id, request.match_info["token_id"])
        return web.Response(status=204)

    @described(Role.INGEST, body=TokenQuestion, answer=TokenStanding, refuses=[NotJson])
    async def introspect(self, request: web.Request) -> web.Response:
        """Ingest asks whose a token is (RFC 7662)."""
        self._gatekeeper.require(request, Role.INGEST)
        asked = await message_of(request, TokenQuestion)
        found = await self._accounts.find(bytes.fromhex(asked.token_sha256))
        return json_answer(_standing(found, self._clock.now()))

    def _named(self, request: web.Request) -> str:
        """The user whom an operator names; nobody else learns whether there is one."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return request.match_info["user_id"]


def _made(new: NewToken, where: str) -> web.Response:
    answer = json_answer(new, status=201)
    answer.headers[hdrs.LOCATION] = f"{where}/tokens/{new.token.token_id}"
    return answer


def _within(asked: TokenRequest, credential: Credential) -> TokenRequest:
    """The token that is asked for, if who asks may give it.

    Raises:
        TokenReachesFurther: it would open more than ``credential``, or for longer.
    """
    if not set(asked.roles) <= OF_ONESELF & set(_roles_of(credential)):
        raise TokenReachesFurther
    if credential.expires_at is None:
        return asked
    end = credential.expires_at.timestamp()
    if asked.expires_at is not None and asked.expires_at > end:
        raise TokenReachesFurther
    return asked if asked.expires_at else msgspec.structs.replace(asked, expires_at=end)


def _roles_of(credential: Credential) -> tuple[AccountRole, ...]:
    return tuple(sorted(AccountRole(role) for role in credential.roles))


def _standing(found: Credential | None, now: float) -> TokenStanding:
    if found is None or found.user_id is None:
        return TokenStanding(active=False)
    end = found.expires_at.timestamp() if found.expires_at is not None else None
    if end is not None and end <= now:
        return TokenStanding(active=False)
    return TokenStanding(
        active=True,
        sub=found.user_id,
        username=found.name,
        exp=end,
        roles=_roles_of(found),
        channels=tuple(sorted(found.channels)),
    )
