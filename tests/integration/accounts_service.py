"""A control plane with accounts for tests, and those who ask it with tokens of theirs."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control_plane.accounts import AccountsSettings
from tests.integration.control_service import Talk, control_plane, control_settings


class Town:
    """A control plane, and what people say to it."""

    def __init__(self, talk: Talk, url: str) -> None:
        self.talk = talk
        self.url = url

    async def operator(self, method: str, path: str, json: Any = None, *, expect: int = 200) -> Any:
        """What an operator is answered."""
        options = {} if json is None else {"json": json}
        status, body, _ = await self.talk.call(method, path, "operator", **options)
        assert status == expect, body
        return body

    async def ask(self, secret: str, method: str, path: str, json: Any = None) -> tuple[int, Any]:
        """What somebody with a token is answered."""
        options = {} if json is None else {"json": json}
        headers = {"Authorization": f"Bearer {secret}"}
        status, body, _ = await self.talk.call(method, path, headers=headers, **options)
        return status, body

    async def new_user(self, name: str, *roles: str) -> tuple[str, str]:
        """A user's identifier, and a token with all of their roles."""
        asked = {"name": name, "roles": roles or ("viewer",)}
        user = await self.operator("POST", "/v1/users", asked, expect=201)
        return user["user_id"], (await self.new_token(user["user_id"], *user["roles"]))["secret"]

    async def new_token(self, user_id: str, *roles: str, **more: Any) -> dict[str, Any]:
        asked = {"name": "phone", "roles": roles or ("viewer",), **more}
        path = f"/v1/users/{user_id}/tokens"
        return dict(await self.operator("POST", path, asked, expect=201))

    async def new_channel(self, secret: str, title: str = "Cooking") -> str:
        status, body = await self.ask(secret, "POST", "/v1/channels", {"title": title})
        assert status == 201, body
        return str(body["channel_id"])


@contextlib.asynccontextmanager
async def town(
    folder: Path, accounts: AccountsSettings | None = None, **changes: Any
) -> AsyncIterator[Town]:
    """A control plane with accounts, in SQLite where nothing else is said."""
    folder.mkdir(exist_ok=True)
    where = accounts or AccountsSettings(sqlite=folder / "accounts.sqlite")
    settings = control_settings(folder, geoip=(), accounts=where, **changes)
    with pytest.MonkeyPatch.context() as patched:
        if accounts is None:
            # On a busy machine a file that is slow is none that is away.
            patched.setattr("control_plane.accounts.database.ANSWER_WITHIN", 30.0)
        async with control_plane(settings) as talk:
            yield Town(talk, f"http://127.0.0.1:{settings.listen.port}")
