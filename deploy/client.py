"""A client of a running system's HTTP APIs, for the command line."""

import asyncio
import json
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiohttp

from common.errors import NearcastError
from common.messages import (
    AssetView,
    EdgeStanding,
    EdgeView,
    ExplanationView,
    JobView,
    NewToken,
    PurgeRequest,
    PurgeView,
    RemovalView,
    StandingView,
    TokenRequest,
    TokenView,
    UserChange,
    UserRequest,
    UsersPage,
    UserView,
    VersionView,
    decode,
    encode,
)
from common.service import new_client_session
from deploy.up.home import Home

T = TypeVar("T")

_NO_SUCH_PATH = "404: Not Found"
"""What aiohttp says of a path that a service does not have."""

PATIENCE = 30.0
"""Seconds that an API may stay away before a command that waits for it gives up."""


class Refused(NearcastError):
    """{detail}"""


class NowhereToAsk(NearcastError):
    """No system is at {home}: run `nearcast up` first, or name one with {option} and --token."""


class NoUrl(NearcastError):
    """{option}: {given!r} is no URL such as https://control.example.org."""


class NoToken(NearcastError):
    """{option} needs --token: one that the service there knows."""


class NoChannelName(NearcastError):
    """{channel!r} is the identifier of no channel: one has letters, digits, dots, _ and -."""


class NotReached(NearcastError):
    """{url} does not answer ({reason}): is Nearcast running there?"""


class NotTrusted(NearcastError):
    """The certificate of {url} is not trusted ({reason}): name its authority with --ca."""


class NothingThere(NearcastError):
    """Nothing is at {url}: is it another service's address?"""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def check(self) -> None:
        """Does nothing when it is a success.

        Raises:
            Refused: it is none.
        """
        if self.status >= 400:
            raise Refused(detail=_detail(self.body, self.status), status=self.status)


class Api:
    """Calls ingest and the control plane with one token."""

    def __init__(self, session: aiohttp.ClientSession, *, ingest: str, control: str) -> None:
        self._session = session
        self.ingest = ingest.rstrip("/")
        self._control = control.rstrip("/")

    @classmethod
    async def open(cls, *, ingest: str, control: str, token: str, ca: Path | None) -> "Api":
        """An API client; whoever opens it closes it."""
        session = await new_client_session(ca, token=token)
        return cls(session, ingest=ingest, control=control)

    def act_for(self, channel: str) -> None:
        """Asks from now on for ``channel``, one of several that the token's account has.

        Raises:
            NoChannelName: it cannot be one's identifier.
        """
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", channel):
            raise NoChannelName(channel=channel[:64])
        self._session.headers["Nearcast-Channel"] = channel

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def job(self, job_id: str) -> JobView:
        """The job ``job_id``.

        Raises:
            Refused: there is none.
            NotReached: ingest does not answer.
        """
        return await self._call("GET", f"{self.ingest}/v1/jobs/{job_id}", JobView)

    async def asset(self, asset_id: str) -> AssetView:
        """The asset ``asset_id``.

        Raises:
            Refused: there is none.
            NotReached: the control plane does not answer.
        """
        return await self._call("GET", self._asset(asset_id), AssetView)

    async def versions(self, asset_id: str) -> list[VersionView]:
        """The versions of an asset, the newest first; raises as ``asset``."""
        return await self._call("GET", f"{self._asset(asset_id)}/versions", list[VersionView])

    async def roll_back(self, asset_id: str, version: str) -> AssetView:
        """Has viewers get ``version``; raises as ``asset``."""
        return await self._call(
            "POST", f"{self._asset(asset_id)}/rollback", AssetView, json={"version": version}
        )

    async def remove(self, asset_id: str, version: str | None) -> RemovalView:
        """Removes a version, or all of an asset; raises as ``asset``."""
        path = f"/versions/{quote(version, safe='')}" if version is not None else ""
        return await self._call("DELETE", self._asset(asset_id) + path, RemovalView)

    async def removal(self, removal_id: str) -> RemovalView:
        """How far a removal is; raises as ``asset``."""
        return await self._call("GET", f"{self._control}/v1/removals/{removal_id}", RemovalView)

    async def edges(self) -> list[EdgeView]:
        """Every edge, by region and name.

        Raises:
            Refused: the token opens nothing.
            NotReached: the control plane does not answer.
        """
        return await self._call("GET", f"{self._control}/v1/edges", list[EdgeView])

    async def order(self, edge_id: str, standing: EdgeStanding, reason: str) -> StandingView:
        """Orders what an edge has to do, and why.

        Raises:
            Refused: there is no such edge, or the token may not.
            NotReached: the control plane does not answer.
        """
        path = f"{self._control}/v1/edges/{quote(edge_id, safe='')}/standing"
        body = {"standing": standing.value, "reason": reason}
        return await self._call("PUT", path, StandingView, json=body)

    async def explain(self, asked: Mapping[str, str]) -> ExplanationView:
        """How the route of a client is found; raises as ``asset``."""
        url = f"{self._control}/v1/explain"
        return await self._call("GET", url, ExplanationView, params=asked)

    async def purge(self, asked: PurgeRequest) -> PurgeView:
        """Purges on every edge; raises as ``asset``."""
        return await self._tell("POST", "/v1/purges", PurgeView, asked)

    async def purge_of(self, purge_id: str, *, wait: float) -> PurgeView:
        """How far a purge is, once it is done or after ``wait`` seconds; raises as ``asset``."""
        url = f"{self._control}/v1/purges/{purge_id}"
        return await self._call("GET", url, PurgeView, params={"wait": str(wait)})

    async def users(self, *, after: str = "", name: str | None = None) -> UsersPage:
        """A page of users by their names, or the one of a name; raises as ``edges``."""
        query = {"after": after, "limit": "200", **({"name": name} if name is not None else {})}
        return await self._call("GET", f"{self._control}/v1/users", UsersPage, params=query)

    async def add_user(self, asked: UserRequest) -> UserView:
        """Makes a user; raises as ``edges``."""
        return await self._tell("POST", "/v1/users", UserView, asked)

    async def change_user(self, user_id: str, asked: UserChange) -> UserView:
        """Changes a user; raises as ``edges``."""
        return await self._tell("PATCH", f"/v1/users/{quote(user_id, safe='')}", UserView, asked)

    async def tokens(self, user_id: str) -> list[TokenView]:
        """The tokens of a user; raises as ``edges``."""
        url = f"{self._control}/v1/users/{quote(user_id, safe='')}/tokens"
        return await self._call("GET", url, list[TokenView])

    async def add_token(self, user_id: str, asked: TokenRequest) -> NewToken:
        """Makes a token of a user; raises as ``edges``."""
        path = f"/v1/users/{quote(user_id, safe='')}/tokens"
        return await self._tell("POST", path, NewToken, asked)

    async def revoke(self, user_id: str, token_id: str) -> None:
        """Has a token open nothing any more; raises as ``edges``."""
        path = f"/v1/users/{quote(user_id, safe='')}/tokens/{quote(token_id, safe='')}"
        (await self._exchange("DELETE", f"{self._control}{path}")).check()

    async def _tell(self, method: str, path: str, kind: type[T], asked: object) -> T:
        fields = {"Content-Type": "application/json"}
        return await self._call(
            method, f"{self._control}{path}", kind, data=encode(asked), headers=fields
        )

    def _asset(self, asset_id: str) -> str:
        return f"{self._control}/v1/assets/{quote(asset_id, safe='')}"

    async def follow(self, job_id: str, *, every: float = 0.25) -> AsyncIterator[JobView]:
        """The job each time it is asked for, until it is final; short absences are bridged.

        Raises:
            Refused: there is no such job.
            NotReached: ingest stays away.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            try:
                view = await self.job(job_id)
            except NotReached:
                if loop.time() - heard > PATIENCE:
                    raise
            else:
                heard = loop.time()
                yield view
                if view.state.final:
                    return
            await asyncio.sleep(every)

    async def at_ingest(self, method: str, path: str, **options: object) -> Answer:
        """What ingest answers, whatever it is; ``options`` are those of aiohttp.

        Raises:
            NotReached: it does not answer.
        """
        return await self._exchange(method, f"{self.ingest}{path}", **options)

    async def at_control(self, method: str, path: str, **options: object) -> bytes:
        """The body of what the control plane answers; ``options`` are those of aiohttp.

        Raises:
            Refused: it does not do it, and says why.
            NotReached: it does not answer.
        """
        return await self._done(method, f"{self._control}{path}", **options)

    async def _call(self, method: str, url: str, kind: type[T], **options: object) -> T:
        return decode(await self._done(method, url, **options), kind)

    async def _done(self, method: str, url: str, **options: object) -> bytes:
        answer = await self._exchange(method, url, **options)
        if answer.status == 404 and _detail(answer.body, 404) == _NO_SUCH_PATH:
            raise NothingThere(url=url)
        answer.check()
        return answer.body

    async def _exchange(self, method: str, url: str, **options: object) -> Answer:
        try:
            async with self._session.request(method, url, **options) as response:  # type: ignore[arg-type]  # aiohttp types each option on its own
                return Answer(response.status, response.headers, await response.read())
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotTrusted(url=url, reason=_mistrust(error.certificate_error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(url=url, reason=_reason(error)) from error


async def open_api(
    home: Path, *, url: str | None, token: str | None, ca: Path | None, option: str
) -> Api:
    """A client of the service at ``url``, or of the system that runs in ``home``.

    Args:
        home: the home of `nearcast up`, where there is no URL.
        url: of ingest or the control plane, whichever is asked.
        token: where it is not that of the home.
        ca: where it is not that of the home.
        option: which takes the URL.

    Raises:
        NowhereToAsk: there is neither a URL nor a system.
        NoUrl, NoToken: ``url`` is none, or comes without a token.
    """
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise NoUrl(option=option, given=url)
        if not token:
            raise NoToken(option=option)
        return await Api.open(ingest=url, control=url, token=token, ca=ca)
    known = await asyncio.to_thread(Home(home).client)
    if known is None:
        raise NowhereToAsk(home=home, option=option)
    return await Api.open(
        ingest=known.ingest,
        control=known.control,
        token=token or known.token,
        ca=ca or Path(known.ca),
    )


def _detail(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {status}"


def _mistrust(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)


def _reason(error: Exception) -> str:
    """What went wrong on the way, as the system says it where it does."""
    if isinstance(error, aiohttp.ClientSSLError):
        return "it speaks no TLS"
    if isinstance(error, aiohttp.ClientConnectorError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return str(error) or type(error).__name__
