"""Verifies callbacks in ASGI applications: FastAPI, Starlette, or none.

The signature is made over the target as it was sent, and ASGI has it in pieces: `raw_path`, to
which some servers have added `root_path` and others have not, and `query_string`. One thing is not
in it at all: whether there was a `?` before an empty query. So a `callbackUrl` that ends with a
bare `?` cannot be verified here; write it without.

Source: ASGI, "HTTP & WebSocket ASGI Message Format" 2.5; uvicorn 0.54 and hypercorn 0.18 for what
they do.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping, MutableMapping
from typing import Any, Callable, Protocol
from urllib.parse import quote, unquote_to_bytes

from .answer import MAX_BODY_BYTES, Answer, BodyTooLarge, refused
from .verifier import CallbackVerifier, VerifiedCallback
from .verify_error import VerifyError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class HttpRequest(Protocol):
    """What is needed of a request of Starlette or FastAPI."""

    @property
    def scope(self) -> MutableMapping[str, Any]: ...

    def stream(self) -> Any: ...


def target(scope: Mapping[str, Any]) -> bytes:
    """Path and query, as the sender wrote them.

    Where a server has no `raw_path`, the path is encoded anew. That is another spelling perhaps,
    but the same path once decoded, and decoded is how it is signed.
    """
    root: str = scope.get("root_path") or ""
    path: bytes | None = scope.get("raw_path")
    if path is None:
        path = quote(scope["path"], safe="/:@!$&'()*+,;=~", errors="surrogateescape").encode()
    # Some servers put it before the path (uvicorn, and what mounts applications), others do not
    # (hypercorn); the sender has written it in any case.
    if root and not _begins_with(path, root):
        path = quote(root, safe="/:@!$&'()*+,;=~").encode() + path
    query: bytes = scope.get("query_string") or b""
    return path + b"?" + query if query else path


async def verify(
    verifier: CallbackVerifier, scope: Scope, receive: Receive, *, max_body: int = MAX_BODY_BYTES
) -> VerifiedCallback:
    """Reads the body and checks the request; raises `VerifyError` or `BodyTooLarge`."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the sender is gone before its request was read")
        _append(body, message.get("body", b""), max_body)
        more = message.get("more_body", False)
    return await _verify(verifier, scope, bytes(body))


async def verify_request(
    verifier: CallbackVerifier, request: HttpRequest, *, max_body: int = MAX_BODY_BYTES
) -> VerifiedCallback:
    """The same for a request of Starlette or FastAPI, whose body nothing else may have streamed.

    A parameter of a FastAPI endpoint that is filled from the body (`Body`, `Form`, a model) reads
    it before: take only the `Request`.
    """
    body = bytearray()
    async for piece in request.stream():
        _append(body, piece, max_body)
    return await _verify(verifier, request.scope, bytes(body))


Handler = Callable[[VerifiedCallback], Any]


class CallbackApp:
    """An ASGI application that is a callback's address and nothing else; to be mounted.

    `handler` gets each callback that is genuine, may be a coroutine function, and gives the JSON
    value that the uploader is answered. `InvalidBody` from it is answered with 400.
    """

    def __init__(self, verifier: CallbackVerifier, handler: Handler) -> None:
        self._verifier, self._handler = verifier, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"a callback comes over http, not {scope['type']}")
        try:
            callback = await verify(self._verifier, scope, receive)
            value = self._handler(callback)
            answer = Answer.of(200, await value if inspect.isawaitable(value) else value)
        except (VerifyError, BodyTooLarge) as error:
            answer = refused(error)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def _verify(
    verifier: CallbackVerifier, scope: Mapping[str, Any], body: bytes
) -> VerifiedCallback:
    return await verifier.verify_async(
        method=scope["method"], target=target(scope), headers=scope["headers"], body=body
    )


def _append(body: bytearray, piece: bytes, max_body: int) -> None:
    if len(body) + len(piece) > max_body:
        raise BodyTooLarge
    body += piece


def _begins_with(path: bytes, root: str) -> bool:
    decoded, prefix = unquote_to_bytes(path), root.rstrip("/").encode()
    return decoded == prefix or decoded.startswith(prefix + b"/")
