"""The test client: a receiver is tested as it will run, without a storage server."""

import base64
import urllib.request

import pytest

from servers import running_wsgiref
from upcall import CallbackVerifier, PublicKey, VerifyError, wsgi
from upcall.testing import CallbackClient


def test_a_signed_request_verifies_without_a_socket_in_between(upcall_client):
    verifier = CallbackVerifier(upcall_client.key_urls)
    signed = upcall_client.sign("/a%20b?x=%20", {"object": "猫 &.jpg", "empty": ""})
    assert signed.body == b"object=%E7%8C%AB%20%26.jpg&empty="
    callback = verifier.verify(
        method=signed.method, target=signed.target, headers=signed.headers, body=signed.body
    )
    assert callback.form() == {"object": "猫 &.jpg", "empty": ""}
    json = upcall_client.sign("/", '{"size":5}', body_type="application/json", request_id="R")
    assert json.headers["Content-Type"] == "application/json"
    assert json.headers["x-oss-request-id"] == "R"
    raw = upcall_client.sign("/", b"\xff")
    assert raw.body == b"\xff"


@pytest.mark.parametrize("tamper", ["body", "path", "query", "key"])
@pytest.mark.parametrize("target", ["/cb", "/cb?x=1"])
def test_what_is_tampered_with_fails_by_its_signature(upcall_client, tamper, target):
    verifier = CallbackVerifier(upcall_client.key_urls)
    signed = upcall_client.sign(target, {"object": "a"}, tamper=tamper)
    with pytest.raises(VerifyError) as raised:
        verifier.verify(
            method="POST", target=signed.target, headers=signed.headers, body=signed.body
        )
    assert raised.value.code == "signature"


def test_there_is_no_other_tampering(upcall_client):
    with pytest.raises(ValueError, match="`tamper` is"):
        upcall_client.sign("/", b"", tamper="headers")


@pytest.mark.parametrize(
    ("rest", "target"),
    [("", "/"), ("/", "/"), ("?x=/1", "/?x=/1"), ("/a%2Fb?x=%zz", "/a%2Fb?x=%zz")],
)
def test_an_address_is_called_as_it_is_written(upcall_client, rest, target):
    seen = []

    def app(environ, start_response):
        seen.append(environ["QUERY_STRING"])
        callback = wsgi.CallbackApp(CallbackVerifier(upcall_client.key_urls), lambda _: "ok")
        return callback(environ, start_response)

    with running_wsgiref(app) as port:
        answer = upcall_client.send(f"http://127.0.0.1:{port}{rest}", b"a=b")
    assert (answer.status, answer.json()) == (200, "ok")
    assert seen == [target.partition("?")[2]]


def test_the_key_is_served_until_the_client_is_closed():
    with CallbackClient() as client:
        with urllib.request.urlopen(client.key_url) as answer:
            assert PublicKey.from_pem(answer.read()) == client.key.public
        header = client.sign("/", b"").headers["x-oss-pub-key-url"]
        assert base64.b64decode(header).decode() == client.key_url
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(client.key_url + "2")
    with pytest.raises(OSError):
        urllib.request.urlopen(client.key_url)
