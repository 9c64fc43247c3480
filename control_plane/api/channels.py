"""``/v1/channels`` and ``/v1/me/follows``: channels, and who follows which."""

from aiohttp import hdrs, web

from common.errors import CredentialForbidden
from common.messages import ChannelChange, ChannelRequest, ChannelsPage, ChannelView, FollowsPage
from common.service import Credential, Gatekeeper, Role
from control_plane.accounts import (
    Accounts,
    ChannelTaken,
    ChannelUnknown,
    NoAccount,
    OwnerUnknown,
    TooManyChannels,
    TooManyFollows,
    UserUnknown,
)
from control_plane.accounts.records import Channel
from control_plane.api.asked import CHANNEL, PAGED, account_of, cut, message_of, page_of
from control_plane.api.describing import described
from control_plane.api.fleet import json_answer
from control_plane.api.versions import NotJson

ONE = f"/v1/channels/{CHANNEL}"
FOLLOWED = f"/v1/me/follows/{CHANNEL}"


class ChannelsApi:
    """Handlers for channels and follows."""

    def __init__(self, accounts: Accounts, gatekeeper: Gatekeeper) -> None:
        self._accounts = accounts
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.post("/v1/channels", self.add),
            web.get("/v1/channels", self.channels),
            web.get(ONE, self.channel),
            web.patch(ONE, self.change),
            web.delete(ONE, self.delete),
            web.get("/v1/me/follows", self.follows),
            web.put(FOLLOWED, self.follow),
            web.delete(FOLLOWED, self.unfollow),
        ]

    @described(
        Role.PUBLISHER,
        body=ChannelRequest,
        answer=ChannelView,
        status=201,
        refuses=[NotJson, NoAccount, ChannelTaken, TooManyChannels, OwnerUnknown],
    )
    async def add(self, request: web.Request) -> web.Response:
        """A new channel of who asks, or as an operator says."""
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        asked = await message_of(request, ChannelRequest)
        if asked.channel_id is not None or asked.owner is not None:
            _check_operator(credential)
        elif credential.user_id is None and not credential.may(Role.OPERATOR):
            raise NoAccount(name=credential.name)
        channel = await self._accounts.add_channel(
            asked, owner=asked.owner or credential.user_id, channel_id=asked.channel_id
        )
        answer = json_answer(channel.view(whole=True), status=201)
        answer.headers[hdrs.LOCATION] = f"/v1/channels/{channel.channel_id}"
        return answer

    @described(Role.VIEWER, Role.PUBLISHER, answer=ChannelsPage, query=PAGED | {"owner": str})
    async def channels(self, request: web.Request) -> web.Response:
        """Channels by identifier; with ``owner``, those of that user, which is one's own business
        and operators'."""
        credential = self._anybody(request)
        owner = request.query.get("owner")
        if owner is not None and owner != credential.user_id:
            _check_operator(credential)
        after, limit = page_of(request)
        found = await self._accounts.channels.page(after, limit + 1, owner=owner and owner[:65])
        page, more = cut([_view(channel, credential) for channel in found], limit)
        return json_answer(ChannelsPage(page, page[-1].channel_id if more else None))

    @described(Role.VIEWER, Role.PUBLISHER, answer=ChannelView, refuses=[ChannelUnknown])
    async def channel(self, request: web.Request) -> web.Response:
        """One channel."""
        credential = self._anybody(request)
        found = await self._accounts.channels.channel(request.match_info["channel_id"])
        return json_answer(_view(found, credential))

    @described(
        Role.PUBLISHER,
        body=ChannelChange,
        answer=ChannelView,
        refuses=[NotJson, ChannelUnknown, TooManyChannels, OwnerUnknown],
    )
    async def change(self, request: web.Request) -> web.Response:
        """Another title or description, or, by an operator, owner."""
        credential, channel = await self._own(request)
        asked = await message_of(request, ChannelChange)
        if asked.owner is not None:
            _check_operator(credential)
        changed = await self._accounts.change_channel(channel, asked)
        return json_answer(_view(changed, credential))

    @described(Role.PUBLISHER, refuses=[ChannelUnknown])
    async def delete(self, request: web.Request) -> web.Response:
        """Deletes a channel; nobody follows it then, and its videos stay."""
        _, channel = await self._own(request)
        await self._accounts.delete_channel(channel)
        return web.Response(status=204)

    @described(Role.VIEWER, Role.PUBLISHER, answer=FollowsPage, query=PAGED, refuses=[NoAccount])
    async def follows(self, request: web.Request) -> web.Response:
        """What who asks follows."""
        _, user_id = account_of(self._gatekeeper, request)
        after, limit = page_of(request)
        found = await self._accounts.channels.follows(user_id, after, limit + 1)
        page, more = cut(found, limit)
        return json_answer(FollowsPage(page, page[-1].channel_id if more else None))

    @described(
        Role.VIEWER,
        Role.PUBLISHER,
        refuses=[NoAccount, ChannelUnknown, TooManyFollows, UserUnknown],
    )
    async def follow(self, request: web.Request) -> web.Response:
        """Who asks follows a channel, from now on or still."""
        _, user_id = account_of(self._gatekeeper, request)
        await self._accounts.follow(user_id, request.match_info["channel_id"])
        return web.Response(status=204)

    @described(Role.VIEWER, Role.PUBLISHER, refuses=[NoAccount])
    async def unfollow(self, request: web.Request) -> web.Response:
        """Who asks does not follow a channel."""
        _, user_id = account_of(self._gatekeeper, request)
        await self._accounts.unfollow(user_id, request.match_info["channel_id"])
        return web.Response(status=204)

    def _anybody(self, request: web.Request) -> Credential:
        return self._gatekeeper.require(request, Role.VIEWER, Role.PUBLISHER)

    async def _own(self, request: web.Request) -> tuple[Credential, Channel]:
        """Who asks and the channel that they name, which is theirs, or they are an operator."""
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        channel = await self._accounts.channels.channel(request.match_info["channel_id"])
        if credential.user_id is None or channel.owner != credential.user_id:
            _check_operator(credential)
        return credential, channel


def _check_operator(credential: Credential) -> None:
    if not credential.may(Role.OPERATOR):
        raise CredentialForbidden(name=credential.name, needed=Role.OPERATOR)


def _view(channel: Channel, credential: Credential) -> ChannelView:
    theirs = credential.user_id is not None and channel.owner == credential.user_id
    return channel.view(whole=theirs or credential.may(Role.OPERATOR))
