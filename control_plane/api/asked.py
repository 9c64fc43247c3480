"""What requests about accounts have in common: who asks, pages, and identifiers in paths."""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from common.errors import BadRequest
from common.messages.packages import IDENTIFIER_PATTERN
from common.service import Credential, Gatekeeper, Role
from control_plane.accounts import NoAccount
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import up_to
from control_plane.api.paging import limit_of
from control_plane.api.versions import NotJson

T = TypeVar("T")

USER: Final = f"/v1/users/{{user_id:{IDENTIFIER_PATTERN}}}"
TOKEN: Final = f"{{token_id:{IDENTIFIER_PATTERN}}}"
CHANNEL: Final = f"{{channel_id:{IDENTIFIER_PATTERN}}}"

LARGEST_BODY: Final = 32 * KIBIBYTE
LISTED: Final = 50
MOST_LISTED: Final = 200
LONGEST_PLACE: Final = 64
"""Characters of what a page begins after."""
PAGED: Final[dict[str, Any]] = {
    "after": Annotated[str, msgspec.Meta(max_length=LONGEST_PLACE)],
    "limit": up_to(MOST_LISTED),
}
"""What queries of pages take."""


def account_of(gatekeeper: Gatekeeper, request: web.Request) -> tuple[Credential, str]:
    """Who asks, and their account.

    Raises:
        CredentialMissing: they present no credential; and what else ``Gatekeeper.require`` raises.
        NoAccount: it is one of the settings.
    """
    credential = gatekeeper.require(request, Role.VIEWER, Role.PUBLISHER)
    if credential.user_id is None:
        raise NoAccount(name=credential.name)
    return credential, credential.user_id


async def message_of(request: web.Request, kind: type[T]) -> T:
    """The JSON that a request sends.

    Raises:
        NotJson: it is sent as something else: a form on another site's page, which a browser sends
            with its password, cannot be JSON.
        MessageInvalid: it is no such message; and what else ``read_message`` raises.
    """
    if request.content_type != "application/json":
        raise NotJson
    return await read_message(request, kind, limit=LARGEST_BODY)


def page_of(request: web.Request) -> tuple[str, int]:
    """After what a page begins, and how many it has.

    Raises:
        BadRequest: one of them makes no sense.
    """
    limit = limit_of(request, LISTED, MOST_LISTED)
    after = request.query.get("after", "")
    if len(after) > LONGEST_PLACE or not after.isprintable():
        raise BadRequest(detail="What a page begins after is what the page before it ended with.")
    return after, limit


def cut(found: list[T], limit: int) -> tuple[tuple[T, ...], bool]:
    """A page out of what was found with one more than its limit; whether another follows."""
    return tuple(found[:limit]), len(found) > limit
