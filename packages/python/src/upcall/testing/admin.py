"""Speaks to the admin interface of a running upcall. `docs/admin.md` there has its routes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


class AdminError(Exception):
    """The admin interface refused a request; `status` and `code` are its own."""

    def __init__(self, request: str, status: int, body: bytes) -> None:
        try:
            error = json.loads(body)["error"]
            self.code, said = str(error["code"]), f"{error['message']} ({error.get('hint', '')})"
        except (ValueError, KeyError, TypeError):
            self.code, said = "", "an answer that is no error of the admin interface"
        super().__init__(f"{request} was answered {status}: {said}")
        self.status = status


class Admin:
    """A client that opens a connection for each request, so that any thread may use it."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the admin address {url!r} is not of the form http://host:port")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._kind, self._host, self._port = kind, parts.hostname, parts.port
        self._headers = {"Authorization": f"Bearer {secret}"}

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None] | None = None,
        body: object = None,
        *,
        wait: float = 0,
    ) -> Any:
        """The answer's JSON, or `None` for 204; raises `AdminError` for what is no success.

        `wait` is how many seconds the server was asked to wait before it answers.
        """
        return self._json(method, path, *self.raw(method, path, query, body, wait=wait))

    def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None] | None = None,
        body: object = None,
        *,
        wait: float = 0,
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = quote(path) + ("?" + urlencode(given, quote_via=quote) if given else "")
        sent = None if body is None else json.dumps(body).encode()
        connection = self._kind(self._host, self._port, timeout=wait + ANSWER_SECONDS)
        try:
            connection.request(method, target, sent, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @staticmethod
    def _json(method: str, path: str, status: int, body: bytes) -> Any:
        if not 200 <= status < 300:
            raise AdminError(f"{method} {path}", status, body)
        return json.loads(body) if body else None


# Most answers take a millisecond; emptying a large bucket may take a while.
ANSWER_SECONDS = 30.0
