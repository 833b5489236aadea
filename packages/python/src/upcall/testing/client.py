"""Calls a receiver as the storage server would, without one.

The client has a key of its own and serves it on a free port of this machine, so that what is tested
is what will run: the receiver reads the request, fetches the key, checks the signature.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import quote, urlsplit

from ..callback_parameter import FORM
from ..key_url import PublicKeyUrls
from ..verifier import string_to_sign
from .signing_key import SigningKey


@dataclass(frozen=True)
class SignedRequest:
    """A callback, ready to be sent, or to be handed to a framework's own test client."""

    target: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True)
class ReceiverAnswer:
    """What a receiver answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


class CallbackClient:
    """Signs callbacks, sends them, and serves the key to them. Use it with `with`, or close it."""

    def __init__(self) -> None:
        self.key = SigningKey.generate()
        pem = self.key.public_pem()

        class KeyHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == KEY_PATH else 404)
                body = pem if self.path == KEY_PATH else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass  # a test's output is the test's

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), KeyHandler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def key_url(self) -> str:
        """Where the key is: what `CALLBACK_KEY_URLS` must have for the receiver to take it."""
        return f"http://127.0.0.1:{self._server.server_port}{KEY_PATH}"

    @property
    def key_urls(self) -> PublicKeyUrls:
        """The key's address, for a verifier that is made in the test."""
        return PublicKeyUrls.none().also(self.key_url)

    def sign(
        self,
        target: str,
        body: str | bytes | Mapping[str, str],
        *,
        body_type: str = FORM,
        request_id: str | None = None,
        tamper: str | None = None,
    ) -> SignedRequest:
        """A callback to `target` (path and query, or a whole address).

        A mapping as `body` is written as a form, as the storage server writes it. `tamper` spoils
        the request after it was signed: its `body`, `path` or `query`, or signs it with another
        `key`.
        """
        raw_target, raw_body = _target(target), _body(body)
        key = SigningKey.generate() if tamper == "key" else self.key
        signature = key.sign_md5(string_to_sign(raw_target.encode(), raw_body))
        request = SignedRequest(raw_target, {}, raw_body)
        if tamper is not None:
            request = _tampered(request, tamper)
        digest = hashlib.md5(request.body, usedforsecurity=False).digest()
        headers = {
            "Authorization": _base64(signature),
            "Content-MD5": _base64(digest),
            "Content-Type": body_type,
            "User-Agent": "aliyun-oss-callback",
            "x-oss-pub-key-url": _base64(self.key_url.encode()),
            "x-oss-request-id": request_id or secrets.token_hex(12).upper(),
            "x-oss-signature-version": "1.0",
            "x-oss-tag": "CALLBACK",
        }
        return replace(request, headers=headers)

    def send(
        self,
        url: str,
        body: str | bytes | Mapping[str, str],
        *,
        body_type: str = FORM,
        request_id: str | None = None,
        tamper: str | None = None,
    ) -> ReceiverAnswer:
        """Signs as `sign` does, calls `url`, and gives the answer; waits five seconds for it."""
        request = self.sign(url, body, body_type=body_type, request_id=request_id, tamper=tamper)
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.putrequest("POST", request.target)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return ReceiverAnswer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def close(self) -> None:
        """Serves the key no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> CallbackClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _target(url: str) -> str:
    """Path and query as they are written, not as a URL library would write them."""
    if url.startswith("/"):
        return url
    rest = url.partition("://")[2]
    slash, mark = rest.find("/"), rest.find("?")
    if slash < 0 or 0 <= mark < slash:
        return "/" + rest[mark:] if mark >= 0 else "/"
    return rest[slash:]


def _body(body: str | bytes | Mapping[str, str]) -> bytes:
    if isinstance(body, Mapping):
        body = "&".join(f"{name}={quote(value, safe='')}" for name, value in body.items())
    return body.encode() if isinstance(body, str) else body


def _tampered(request: SignedRequest, tamper: str) -> SignedRequest:
    path, mark, query = request.target.partition("?")
    if tamper == "body":
        return replace(request, body=request.body + b"&tampered=1")
    if tamper == "path":
        return replace(request, target=path + "/tampered" + mark + query)
    if tamper == "query":
        return replace(request, target=path + "?" + (query + "&" if mark else "") + "tampered=1")
    if tamper == "key":
        return request
    raise ValueError(f"`tamper` is `body`, `path`, `query` or `key`, not {tamper!r}")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


KEY_PATH = "/callback_pub_key_test.pem"
