"""Talking to S3: botocore signs and parses, aiohttp moves the bytes; retries and errors live here.

Every request is signed with SigV4 over the digest of its body, so the server notices a body that
changed on the way. Addresses have the bucket in the path, as servers that are not Amazon's need it.
"""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError, create_parser
from multidict import CIMultiDictProxy
from yarl import URL

from common.errors import NearcastError, StorageFull, Unavailable
from origin.store.port import SLICE
from origin.store.settings import S3Settings

T = TypeVar("T")

ATTEMPTS: Final = 5
FIRST_PAUSE: Final = 0.1
_LARGEST_ANSWER: Final = 8 * 1024 * 1024
_HASHED_ON_THE_LOOP: Final = 64 * 1024
_MAY_PASS: Final = frozenset({429, 500, 502, 503, 504})
_MAY_PASS_CODES: Final = frozenset({"SlowDown", "RequestTimeout", "InternalError"})
_FULL: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"})
_TELLING: Final = frozenset({404, 409, 412, 416})

CONNECTION_LOST: Final = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)
"""What aiohttp raises when a server cannot be reached, or is gone midway."""


class Refused(Exception):
    """S3 said no, for a reason that is about the object: status 404, 409, 412 or 416."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.status = status
        self.code = code

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status in _MAY_PASS or self.code in _MAY_PASS_CODES

    @property
    def about_object(self) -> bool:
        """Whether the object is the reason, rather than the server, bucket or credential."""
        return self.status in _TELLING and self.code != "NoSuchBucket"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the S3 API. The key is empty for requests to the bucket."""

    method: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | bytearray = b""
    operation: str | None = None
    """Name of the operation, when the answer has an XML body to be parsed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer that was read to its end."""

    headers: CIMultiDictProxy[str]
    members: Mapping[str, Any]
    """The members of the operation's output, as botocore's service model names them."""


class S3Wire:
    """Requests to one bucket."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: S3Settings, model: ServiceModel
    ) -> None:
        self._session = session
        self._settings = settings
        self._model = model
        self._parser = create_parser("rest-xml")
        self._credentials = Credentials(settings.access_key, settings.secret_key)
        self._signer = _BodyDigestSigner(self._credentials, "s3", settings.region)

    @property
    def where(self) -> str:
        """The bucket, for people to read."""
        return f"S3 bucket {self._settings.bucket} at {self._settings.endpoint}"

    async def call(self, request: Request) -> Reply:
        """Sends ``request`` and reads the answer; again after a pause where that may help.

        Raises:
            Refused: the object is the reason for an error.
            StorageFull: S3 has no space left.
            Unavailable: S3 does not answer, or with another error.
        """
        return await self._persist(lambda: self._call_once(request))

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Sends ``request`` as ``call`` does, and leaves the body to the caller, who closes it."""
        return await self._persist(lambda: self._send(request))

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        pause = FIRST_PAUSE
        for number in range(1, ATTEMPTS + 1):
            try:
                return await attempt()
            except CONNECTION_LOST as error:
                if number == ATTEMPTS:
                    reason = str(error) or type(error).__name__
                    raise Unavailable(what=self.where, reason=reason) from error
            except Refused as error:
                if error.about_object:
                    raise
                if number == ATTEMPTS or not error.may_pass:
                    raise self._told(error) from error
            except aiohttp.ClientError as error:
                raise Unavailable(what=self.where, reason=str(error)) from error
            # Drawn, so that writers that failed together do not come back together.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 no secret
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _told(self, error: Refused) -> NearcastError:
        if error.status == 507 or error.code in _FULL:
            return StorageFull(where=self.where)
        return Unavailable(what=self.where, reason=f"it answered {error.status} {error}")

    async def _call_once(self, request: Request) -> Reply:
        response = await self._send(request)
        try:
            body = await _read_bounded(response)
            if request.operation is None:
                return Reply(response.headers, {})
            # Completing an upload may fail after its 200 was sent: then the body is an error.
            status = 500 if b"<Error>" in body[:512] else response.status
            members = await self._parse(request.operation, status, response.headers, body)
            if status != response.status:
                raise _refused(status, members)
            return Reply(response.headers, members)
        finally:
            response.release()

    async def _send(self, request: Request) -> aiohttp.ClientResponse:
        url, headers = await self._signed(request)
        response = await self._session.request(
            request.method,
            url,
            data=_slices(request.body) if request.body else None,
            headers={**headers, "Content-Length": str(len(request.body))},
            skip_auto_headers=("Content-Type", "Accept-Encoding"),
            allow_redirects=False,
        )
        if response.status < 300:
            return response
        try:
            body = await _read_bounded(response)
            members = await self._parse("HeadObject", response.status, response.headers, body)
            raise _refused(response.status, members)
        finally:
            response.release()

    async def _signed(self, request: Request) -> tuple[URL, dict[str, str]]:
        digest = (
            hashlib.sha256(request.body)
            if len(request.body) <= _HASHED_ON_THE_LOOP
            else await asyncio.to_thread(hashlib.sha256, request.body)
        )
        to_sign = self._to_sign(request)
        to_sign.context["body_digest"] = digest.hexdigest()
        self._signer.add_auth(to_sign)
        return URL(to_sign.url, encoded=True), dict(to_sign.headers.items())

    def presigned(self, request: Request, *, seconds: int) -> str:
        """The URL with which whoever has it may send ``request``, its header fields included."""
        to_sign = self._to_sign(request)
        signer = S3SigV4QueryAuth(self._credentials, "s3", self._settings.region, expires=seconds)
        signer.add_auth(to_sign)
        return str(to_sign.url)

    def _to_sign(self, request: Request) -> AWSRequest:
        place = "/".join(part for part in (self._settings.bucket, request.key) if part)
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
            for name, value in sorted(request.query.items())
        )
        address = f"{self._settings.endpoint.rstrip('/')}/{place}{'?' if query else ''}{query}"
        return AWSRequest(method=request.method, url=address, headers=dict(request.headers))

    async def _parse(
        self, operation: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, Any]:
        shape = self._model.operation_model(operation).output_shape
        answer = {"status_code": status, "headers": dict(headers), "body": body}
        parsed: Mapping[str, Any] = {}
        # An error that is no XML, from a proxy on the way say, still has its status.
        with contextlib.suppress(ResponseParserError):
            parsed = await asyncio.to_thread(self._parser.parse, answer, shape)
        return parsed


class _BodyDigestSigner(S3SigV4Auth):  # type: ignore[misc]  # botocore publishes no types
    """Signs over a digest that was computed already, off the event loop."""

    def payload(self, request: AWSRequest) -> str:
        digest: str = request.context["body_digest"]
        return digest


def load_model() -> ServiceModel:
    """What botocore knows of S3's answers; reads a large file, so not on the event loop."""
    return ServiceModel(create_loader().load_service_model("s3", "service-2"))


async def _slices(body: bytes | bytearray) -> AsyncIterator[memoryview]:
    """A body in pieces, so that the loop is not held while a whole one is copied."""
    view = memoryview(body)
    for start in range(0, len(body), SLICE):
        yield view[start : start + SLICE]


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            response.close()
            raise aiohttp.ClientError("its answer is too large")
    return bytes(body)


def _refused(status: int, members: Mapping[str, Any]) -> Refused:
    told = members.get("Error", {})
    return Refused(status, str(told.get("Code", status)), str(told.get("Message", ""))[:512])
