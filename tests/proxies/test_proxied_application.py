"""An application behind a proxy: a callback arrives as it was signed, over TLS."""

import json

import pytest

from client import Client
from form import END, as_body
from ports import free_port
from proxy import FILES, Upstreams, guide_file
from receiver import is_genuine
from sites import APPLICATION_SITE, BUCKET_SITE

TARGETS = [
    "/",
    "/callback",
    "/a%20b/%E4%B8%AD?x=%2F&y=a+b",
    "/a%2Fb?",
    "/a+b",
    "/two//slashes",
    "/a/../b",
    "/a/%2e%2e/b",
    "/%41%7E[]?%",
    "/%25zz",
    "/a%3Fb?c?d",
]
BODY = "object=${object}&raw=%2f+%20&text=中"


def upload(client, storage, callback: dict):
    """Through the proxy, as the callback is."""
    headers, body = as_body({"key": "user/a b&c.txt", **storage.fields(callback)}, b"a small file")
    return client.ask(BUCKET_SITE, "POST", "/", headers, body + END)


@pytest.mark.parametrize("sni", [False, True], ids=["without-sni", "with-sni"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_callback_arrives_as_it_was_signed(client, storage, application, target, sni):
    callback = {
        "callbackUrl": f"https://{APPLICATION_SITE}:{client.port}{target}",
        "callbackBody": BODY,
        "callbackSNI": sni,
    }

    answer = upload(client, storage, callback)

    assert (answer.status, answer.body) == (200, b'{"Status":"OK"}'), answer.body
    call = application.call()
    assert application.is_idle()
    assert call.target == target
    assert call.body == "object=user%2Fa%20b%26c.txt&raw=%2f+%20&text=中".encode()
    assert call.headers["host"] == f"{APPLICATION_SITE}:{client.port}"
    assert is_genuine(call, storage.public_key_url)


def test_a_callback_with_a_json_body_arrives(client, storage, application):
    answer = upload(
        client,
        storage,
        {
            "callbackUrl": f"https://{APPLICATION_SITE}:{client.port}/json",
            "callbackBody": '{"object":${object},"size":${size}}',
            "callbackBodyType": "application/json",
        },
    )
    assert answer.status == 200
    call = application.call()
    assert json.loads(call.body) == {"object": "user/a b&c.txt", "size": 12}
    assert call.headers["content-type"] == "application/json"
    assert is_genuine(call, storage.public_key_url)


@pytest.mark.parametrize("name", FILES)
def test_an_application_that_compresses_is_understood(name, start_proxy, storage, authority, compressing):
    port = free_port()
    upstreams = Upstreams(storage.address, storage.admin, compressing)
    start_proxy(name, guide_file(name, port, upstreams, authority.certificate.parent), port)
    url = f"https://{APPLICATION_SITE}:{port}/callback"

    answer = upload(Client(port, authority.certificate), storage, {"callbackUrl": url, "callbackBody": BODY})

    assert (answer.status, answer.body) == (200, b'{"Status":"OK"}')
