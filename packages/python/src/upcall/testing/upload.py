"""Sends a form with a file, as a page does."""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class UploadAnswer:
    """What the uploader was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_stored(self) -> bool:
        """The object is there: 2xx, and so also 203, with which the application did not agree."""
        return 200 <= self.status < 300

    @property
    def is_accepted(self) -> bool:
        """The object is there, and the application, if it was to be asked, has agreed."""
        return self.is_stored and self.status != 203

    @property
    def request_id(self) -> str:
        """Finds the upload in the record of calls, and in the log."""
        return self.headers.get("x-oss-request-id", "")

    @property
    def error_code(self) -> str | None:
        """`AccessDenied`, `CallbackFailed` …; `None` if the answer is no error."""
        found = re.search(rb"<Code>([A-Za-z]+)</Code>", self.body)
        return found[1].decode() if found else None

    def json(self) -> object:
        """What the application answered to the callback."""
        return json.loads(self.body)


def post_form(
    host: str,
    fields: Iterable[tuple[str, str]],
    data: bytes,
    *,
    file_name: str = "file",
    content_type: str = "application/octet-stream",
    timeout: float = 30.0,
) -> UploadAnswer:
    """Posts fields and file to `host`, the bucket's address.

    A connection that the server cuts is a `ConnectionError`.
    """
    boundary = secrets.token_hex(16)
    parts = [
        _part(boundary, f'name="{_quoted(name)}"', "", value.encode()) for name, value in fields
    ]
    disposition = f'name="file"; filename="{_quoted(file_name)}"'
    # Last: nothing after it is read.
    parts.append(_part(boundary, disposition, f"Content-Type: {content_type}\r\n", data))
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    url = urlsplit(host)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    try:
        connection.request("POST", url.path or "/", body, headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return UploadAnswer(answer.status, named, answer.read())
    finally:
        connection.close()


def _part(boundary: str, disposition: str, header: str, value: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{header}\r\n"
    return head.encode() + value + b"\r\n"


def _quoted(name: str) -> str:
    """As browsers write it. Source: HTML, "Multipart form data"."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
