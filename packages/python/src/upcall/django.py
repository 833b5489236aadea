"""Verifies callbacks in Django views, under WSGI and ASGI.

What is signed is in `request.body`, `request.META` and, under ASGI, `request.scope`; never in
`request.POST`, `request.GET` or `request.path`, which are decoded.
"""

from __future__ import annotations

import functools
import inspect
import io
from typing import Any, Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from . import asgi, wsgi
from .answer import MAX_BODY_BYTES, BodyTooLarge, refused
from .verifier import CallbackVerifier
from .verify_error import VerifyError

View = Callable[..., Any]


def target(request: HttpRequest) -> bytes:
    """Path and query, as the sender wrote them."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        return asgi.target(scope)
    raw = wsgi.raw_target(request.META)
    if raw is not None:
        return raw
    # Django has put texts in place of what PEP 3333 has there.
    path = request.META["SCRIPT_NAME"] + request.META["PATH_INFO"]
    return wsgi.rebuilt(path.encode("utf-8", "surrogateescape"), request.META)


def callback_view(verifier: CallbackVerifier) -> Callable[[View], View]:
    """Lets only genuine callbacks through to a view.

    The view, plain or `async`, gets the request, the `VerifiedCallback` and what the URL pattern
    captured, and answers with a `JsonResponse`. Others are answered here: 400 if they do not
    verify, 403 if the verifier's binding does not permit them, 405 if they are no POST, 413 beyond
    1 MiB, 503 if the key cannot be had. No CSRF token is asked for: the signature says more than it
    could.
    """

    def decorate(view: View) -> View:
        if inspect.iscoroutinefunction(view):

            @functools.wraps(view)
            async def receive_async(
                request: HttpRequest, *args: Any, **kwargs: Any
            ) -> HttpResponseBase:
                try:
                    callback = await verifier.verify_async(**_parts(request))
                    return _with_length(await view(request, callback, *args, **kwargs))
                except (VerifyError, BodyTooLarge) as error:
                    return _refused(error)

            return _exempt(receive_async)

        @functools.wraps(view)
        def receive(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                callback = verifier.verify(**_parts(request))
                return _with_length(view(request, callback, *args, **kwargs))
            except (VerifyError, BodyTooLarge) as error:
                return _refused(error)

        return _exempt(receive)

    return decorate


def _exempt(view: View) -> View:
    # As `csrf_exempt` does, which before Django 5 hid that a view is `async`.
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def _parts(request: HttpRequest) -> dict[str, Any]:
    scope = getattr(request, "scope", None)
    headers = wsgi.headers(request.META) if scope is None else scope["headers"]
    body = _read_body(request)
    return {"method": request.method, "target": target(request), "headers": headers, "body": body}


def _read_body(request: HttpRequest) -> bytes:
    """The body, raw; whoever reads it afterwards finds it again."""
    if not hasattr(request, "_body") and not request._read_started:
        # `request.body` would first read all of it: a body in chunks says no length before.
        request._body = request.read(MAX_BODY_BYTES + 1)
        request._stream = io.BytesIO(request._body)
    body: bytes = request.body
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return body


def _refused(error: Exception) -> HttpResponse:
    answer = refused(error)
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def _with_length(response: HttpResponseBase) -> HttpResponseBase:
    # The storage server wants it, and only Django's CommonMiddleware would set it otherwise.
    if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))
    return response
