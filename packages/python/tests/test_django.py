"""The Django adapter, with Django's own test client and over real sockets."""

import asyncio
import json

import pytest
from django.test import Client, RequestFactory

import django_app
from servers import exchange, running_uvicorn, running_wsgiref
from upcall import CallbackVerifier
from upcall.django import callback_view
from upcall.testing import CallbackClient

FORM = {"object": "user/eric/猫 1.jpg", "size": "5"}


@pytest.fixture(params=["wsgiref", "uvicorn"])
def port(request):
    if request.param == "wsgiref":
        with running_wsgiref(django_app.wsgi()) as port:
            yield port
    else:
        with running_uvicorn(django_app.asgi()) as port:
            yield port


@pytest.mark.parametrize(
    "path", ["/views/plain/a%20b", "/views/plain/%E7%8C%AB?x=%20", "/views/async"]
)
def test_a_view_gets_genuine_callbacks_and_no_others(port, path):
    client, url = django_app.CLIENT, f"http://127.0.0.1:{port}{path}"
    answer = client.send(url, FORM)
    assert answer.status == 200
    assert answer.json()["object"] == FORM["object"]
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["content-length"] == str(len(answer.body)), "the storage server wants a length"
    for tamper in ["body", "query", "key"]:
        answer = client.send(url, FORM, tamper=tamper)
        assert (answer.status, answer.json()) == (400, {"Status": "verify not ok"})
    assert exchange(port, "GET", path, [], b"")[0] == 405
    assert exchange(port, "POST", path, [], b"x" * (2**20 + 1))[0] == 413


def test_a_body_without_a_length_is_not_read_to_its_end():
    django_app.configure()

    class Endless:
        given = 0

        def read(self, size=-1):
            assert size >= 0, "without a limit it would be read for ever"
            Endless.given += size
            return b"x" * size

    signed = django_app.CLIENT.sign("/views/async", FORM)
    request = RequestFactory().generic("POST", signed.target, signed.body)
    request._stream = Endless()
    assert django_app.uploaded(request).status_code == 413
    assert Endless.given == 2**20 + 1


@pytest.mark.parametrize("is_async", [False, True])
def test_without_the_key_the_callback_is_to_come_again(is_async):
    django_app.configure()
    with CallbackClient() as gone:
        signed = gone.sign("/views", FORM)
    view = callback_view(CallbackVerifier(gone.key_urls))
    request = RequestFactory().generic("POST", signed.target, signed.body, headers=signed.headers)
    if is_async:

        async def never(request, callback):
            raise AssertionError("it is not verified")

        answer = asyncio.run(view(never)(request))
    else:
        answer = view(lambda request, callback: None)(request)
    assert (answer.status_code, json.loads(answer.content)) == (503, {"Status": "verify not ok"})
    assert request.POST.dict() == FORM, "the body is found again"


def test_what_the_url_captured_goes_to_the_view():
    django_app.configure()
    signed = django_app.CLIENT.sign("/views/plain/%E7%8C%AB", FORM)
    headers = {name: value for name, value in signed.headers.items() if name != "Content-Type"}
    answer = Client(enforce_csrf_checks=True).generic(
        "POST", signed.target, signed.body, signed.headers["Content-Type"], headers=headers
    )
    assert answer.status_code == 200
    assert answer.json() == {"object": FORM["object"], "name": "猫"}
