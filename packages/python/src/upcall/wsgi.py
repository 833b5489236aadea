"""Verifies callbacks in WSGI applications: Flask, or none.

WSGI's own `PATH_INFO` is decoded. Servers that keep the target as it was sent have it in
`REQUEST_URI` (uWSGI, mod_wsgi, werkzeug) or `RAW_URI` (gunicorn). With neither (wsgiref, and so
Django's `runserver`), it is put together from `SCRIPT_NAME`, `PATH_INFO` and `QUERY_STRING`: that
is another spelling perhaps, but the same path once decoded, and decoded is how it is signed. One
thing is lost then: whether there was a `?` before an empty query.

Source: PEP 3333; OSS, "Callback" (step 4).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Callable
from urllib.parse import quote

from .answer import MAX_BODY_BYTES, Answer, BodyTooLarge, refused
from .verifier import CallbackVerifier, VerifiedCallback
from .verify_error import VerifyError

Environ = MutableMapping[str, Any]


def target(environ: Mapping[str, Any]) -> bytes:
    """Path and query, as the sender wrote them; raises `LookupError` if they cannot be had."""
    raw = raw_target(environ)
    if raw is not None:
        return raw
    if "PATH_INFO" not in environ:
        raise LookupError(
            "this is no WSGI environment with the request's target: it has none of `REQUEST_URI`,"
            " `RAW_URI` and `PATH_INFO`, without which no callback can be verified"
        )
    path = _bytes(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
    return rebuilt(path, environ)


def raw_target(environ: Mapping[str, Any]) -> bytes | None:
    """The target as the server got it, if the server tells."""
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    return _bytes(raw) if raw else None


def rebuilt(path: bytes, environ: Mapping[str, Any]) -> bytes:
    """The target with this path, which is decoded, and the environment's query, which is not."""
    query = _bytes(environ.get("QUERY_STRING", ""))
    encoded = quote(path, safe="/:@!$&'()*+,;=~").encode()
    return encoded + b"?" + query if query else encoded


def headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The request's headers.

    WSGI joins with a comma what came twice. Of the headers that are read here none has one in a
    genuine value, so that is noticed all the same.
    """
    pairs = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:].replace("_", "-").lower()
            values = re.split(" *, *", value) if name in _COMMALESS else [value]
            pairs += [(name, one) for one in values]
    return pairs


def read_body(environ: Environ, *, max_body: int = MAX_BODY_BYTES) -> bytes:
    """The body, raw; whoever reads it afterwards finds it again. Raises `BodyTooLarge`."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or -1)
    except ValueError:
        length = -1
    if length > max_body:
        raise BodyTooLarge
    stream = environ["wsgi.input"]
    if length >= 0:
        body: bytes = stream.read(length)
    elif environ.get("wsgi.input_terminated"):
        body = stream.read(max_body + 1)
    else:
        # Without a length and an end to it, reading would wait for ever.
        body = b""
    if len(body) > max_body:
        raise BodyTooLarge
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def verify(
    verifier: CallbackVerifier, environ: Environ, *, max_body: int = MAX_BODY_BYTES
) -> VerifiedCallback:
    """Reads the body and checks the request; raises `VerifyError` or `BodyTooLarge`.

    In Flask: `verify(verifier, request.environ)`, before anything touches `request.form`.
    """
    body = read_body(environ, max_body=max_body)
    return verifier.verify(
        method=environ["REQUEST_METHOD"],
        target=target(environ),
        headers=headers(environ),
        body=body,
    )


Handler = Callable[[VerifiedCallback], object]
StartResponse = Callable[..., Any]


class CallbackApp:
    """A WSGI application that is a callback's address and nothing else; to be mounted.

    `handler` gets each callback that is genuine, and gives the JSON value that the uploader is
    answered. `InvalidBody` from it is answered with 400.
    """

    def __init__(self, verifier: CallbackVerifier, handler: Handler) -> None:
        self._verifier, self._handler = verifier, handler

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = Answer.of(200, self._handler(verify(self._verifier, environ)))
        except (VerifyError, BodyTooLarge) as error:
            answer = refused(error)
        start_response(_STATUS_LINES[answer.status], answer.headers)
        return [answer.body]


def _bytes(native: str) -> bytes:
    """PEP 3333: bytes, each as the character of its number."""
    return native.encode("latin-1", "backslashreplace")


# They are base64, or `1.0`.
_COMMALESS = ("authorization", "content-md5", "x-oss-pub-key-url", "x-oss-signature-version")

_STATUS_LINES = {
    200: "200 OK",
    400: "400 Bad Request",
    403: "403 Forbidden",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    503: "503 Service Unavailable",
}
