"""What tests do with accounts again and again."""

import pymysql
from sqlalchemy.engine import make_url

from common.messages import AccountRole, ChannelRequest, UserRequest
from control_plane.accounts import Accounts
from tests.servers.databases import Server

VIEWER, PUBLISHER = AccountRole.VIEWER, AccountRole.PUBLISHER


def asked(server: Server, statement: str) -> list[tuple[object, ...]]:
    """What the server answers its owner."""
    url = make_url(server.url)
    socket = pymysql.connect(
        host=url.host,
        port=url.port or 0,
        user="nearcast",
        password="secret",
        database="nearcast",
        autocommit=True,
    )
    with socket, socket.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


async def new_user(accounts: Accounts, name: str = "ann", *roles: AccountRole) -> str:
    return (await accounts.add_user(UserRequest(name, roles or (VIEWER, PUBLISHER)))).user_id


async def new_channel(accounts: Accounts, channel_id: str | None = None, owner: str = "") -> str:
    asked = ChannelRequest("Cooking 🍜")
    channel = await accounts.add_channel(asked, owner=owner or None, channel_id=channel_id)
    return channel.channel_id


async def followers(accounts: Accounts, channel_id: str) -> int:
    return (await accounts.channels.channel(channel_id)).followers
