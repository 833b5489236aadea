"""The Django adapter, with Django's own test client and over real sockets."""

import pytest
from django.test import Client

import django_app
from servers import exchange, running_uvicorn, running_wsgiref

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


def test_what_the_url_captured_goes_to_the_view():
    django_app.configure()
    signed = django_app.CLIENT.sign("/views/plain/%E7%8C%AB", FORM)
    headers = {name: value for name, value in signed.headers.items() if name != "Content-Type"}
    answer = Client(enforce_csrf_checks=True).generic(
        "POST", signed.target, signed.body, signed.headers["Content-Type"], headers=headers
    )
    assert answer.status_code == 200
    assert answer.json() == {"object": FORM["object"], "name": "猫"}
