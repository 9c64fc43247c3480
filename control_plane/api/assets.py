"""``/v1/assets``: what there is to watch, listed, looked for, shown and edited."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import hdrs, web

from common.errors import BadRequest, CredentialForbidden
from common.http import Conditions, EntityTag, Verdict, judge
from common.messages import AssetView
from common.service import Credential, Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import described, up_to
from control_plane.api.fleet import json_answer
from control_plane.api.paging import limit_of, next_link
from control_plane.api.versions import ASSET
from control_plane.catalog import Asset
from control_plane.feed.cursors import CursorInvalid, Place, SearchPlace, at_cursor, cursor
from control_plane.feed.popular import Popular
from control_plane.feed.timelines import NEWEST, Entry, Timelines
from control_plane.library import AssetUnknown, Library
from control_plane.metadata import Metadata, MetadataStore, Query
from control_plane.metadata.editing import AssetEdit, EditedMeanwhile, Editor
from control_plane.metadata.indexing import Indexer
from control_plane.metadata.reading import MetadataReader
from control_plane.metadata.words import query_of
from control_plane.views import Views

MOST_ASSETS: Final = 1000
"""Assets in one answer."""
LARGEST_EDIT: Final = 64 * KIBIBYTE
"""Bytes: in JSON a character of a description may take six."""
MERGE_PATCH: Final = "application/merge-patch+json"
LONGEST_TAG: Final = 64
_TAG: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TAG)]
LISTING: Final[dict[str, Any]] = {
    "q": str,
    "tag": _TAG,
    "creator": _TAG,
    "sort": Literal["newest", "popular"],
    "cursor": str,
    "limit": up_to(MOST_ASSETS),
}
"""What queries of lists take."""

MayEdit = Callable[[Credential, Asset], bool]
"""Whether a publisher may edit an asset; operators may edit all."""


class NotAMergePatch(BadRequest):
    """An edit has to be sent as application/merge-patch+json, or as application/json."""

    status = 415


class AssetsApi:
    """Handlers for the catalog's assets."""

    def __init__(
        self,
        library: Library,
        views: Views,
        timelines: Timelines,
        popular: Popular,
        store: MetadataStore,
        metadata: MetadataReader,
        editor: Editor,
        indexer: Indexer,
        gatekeeper: Gatekeeper,
        may_edit: MayEdit,
    ) -> None:
        self._library = library
        self._views = views
        self._timelines = timelines
        self._popular = popular
        self._store = store
        self._metadata = metadata
        self._editor = editor
        self._indexer = indexer
        self._gatekeeper = gatekeeper
        self._may_edit = may_edit

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.get("/v1/assets", self.assets),
            web.get(ASSET, self.asset),
            web.patch(ASSET, self.edit),
        ]

    @described(
        Role.VIEWER,
        Role.PUBLISHER,
        answer=list[AssetView],
        query=LISTING,
        refuses=[CursorInvalid],
    )
    async def assets(self, request: web.Request) -> web.Response:
        """The newest assets, those that are popular, or those that a search finds; viewers are not
        told where copies are.

        Raises:
            BadRequest: a parameter is none that this takes.
        """
        shown = self._shown(request)
        limit = limit_of(request, MOST_ASSETS, MOST_ASSETS)
        query = _query(request)
        if query is not None and (query.words or query.prefix or query.tag):
            names, after = await self._searched(request, query, limit)
        else:
            names, after = self._listed(request, query.creator if query else None, limit)
        known = self._library.history.assets
        assets = [known[name] for name in names if name in known]
        said = await self._metadata.shown([asset.asset_id for asset in assets])
        answer = json_answer([shown(asset, said.get(asset.asset_id)) for asset in assets])
        if after is not None:
            answer.headers[hdrs.LINK] = next_link(request, after)
        return answer

    async def _searched(
        self, request: web.Request, query: Query, limit: int
    ) -> tuple[Sequence[str], str | None]:
        told = request.query.get("cursor")
        after = at_cursor(told, SearchPlace).after if told is not None else None
        found = await self._store.search(query, after, limit)
        return found.asset_ids, cursor(SearchPlace(found.after)) if found.after else None

    def _listed(
        self, request: web.Request, creator: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]:
        if _sort(request) == "popular":
            return self._popular.names[:limit], None
        told, before = request.query.get("cursor"), NEWEST
        if told is not None:
            place = at_cursor(told, Place)
            before = Entry(place.at, place.asset_id)
        line: Iterator[Entry] = (
            self._timelines.of(frozenset({creator}), before)
            if creator is not None
            else self._timelines.newest(before)
        )
        page = list(islice(line, limit))
        more = next(line, None) is not None
        last = cursor(Place(page[-1].first_at, page[-1].asset_id)) if more else None
        return [entry.asset_id for entry in page], last

    @described(Role.VIEWER, Role.PUBLISHER, answer=AssetView, refuses=[AssetUnknown])
    async def asset(self, request: web.Request) -> web.Response:
        """One asset. Its entity tag is of what can be edited: the rest changes all the time."""
        shown = self._shown(request)
        asset = self._library.asset(request.match_info["asset_id"])
        said = (await self._metadata.shown([asset.asset_id])).get(asset.asset_id)
        return _answer(shown(asset, said), said)

    def _shown(self, request: web.Request) -> Callable[[Asset, Metadata | None], AssetView]:
        """What whoever asks is shown of an asset."""
        credential = self._gatekeeper.require(request, Role.VIEWER, Role.PUBLISHER)
        return self._views.asset if credential.may(Role.PUBLISHER) else self._views.published

    @described(
        Role.PUBLISHER,
        body=AssetEdit,
        answer=AssetView,
        refuses=[AssetUnknown, NotAMergePatch, EditedMeanwhile],
    )
    async def edit(self, request: web.Request) -> web.Response:
        """Changes what people say of an asset; If-Match keeps one from overwriting what one has
        not seen.

        Raises:
            AssetUnknown: there is none.
            CredentialForbidden: it is another publisher's.
            NotAMergePatch: the body is said to be something else.
            EditedMeanwhile: a precondition is false.
        """
        credential = self._gatekeeper.require(request, Role.PUBLISHER)
        asset = self._library.asset(request.match_info["asset_id"])
        if not credential.may() and not self._may_edit(credential, asset):
            raise CredentialForbidden(name=credential.name, needed="operator, or its publisher")
        if request.content_type not in {MERGE_PATCH, "application/json"}:
            raise NotAMergePatch
        edit = await read_message(request, AssetEdit, limit=LARGEST_EDIT)
        conditions = Conditions.of(request.headers.items())

        def holds(now: Metadata) -> bool:
            verdict = judge(request.method, conditions, etag=_tag(now), last_modified=None, now=0)
            return verdict is Verdict.PROCEED

        told = self._indexer.told(asset)
        after = await self._editor.edit(told, edit, by=credential.name, holds=holds)
        return _answer(self._views.asset(asset, after), after)


def _answer(shown: AssetView, said: Metadata | None) -> web.Response:
    answer = json_answer(shown)
    if said is not None:
        answer.headers[hdrs.ETAG] = str(_tag(said))
    return answer


def _tag(said: Metadata) -> EntityTag:
    return EntityTag(f"edit-{said.revision}")


def _query(request: web.Request) -> Query | None:
    """What a request looks for; None when it wants the list."""
    text, tag = request.query.get("q"), request.query.get("tag")
    creator = request.query.get("creator")
    if tag is not None and not 1 <= len(tag) <= LONGEST_TAG:
        raise BadRequest(detail=f"The parameter tag has to have 1 to {LONGEST_TAG} characters.")
    if creator is not None and not 1 <= len(creator) <= LONGEST_TAG:
        raise BadRequest(detail=f"The parameter creator has to have 1 to {LONGEST_TAG} characters.")
    if text is None and tag is None and creator is None:
        return None
    return query_of(text or "", tag, creator)


def _sort(request: web.Request) -> str:
    sort = request.query.get("sort", "newest")
    if sort not in {"newest", "popular"}:
        raise BadRequest(detail="The parameter sort has to be newest or popular.")
    return sort
