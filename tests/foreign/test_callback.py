"""Callbacks, received over HTTP and verified with Python's `cryptography`."""

import base64
import hmac
import json
import urllib.parse
from datetime import datetime, timedelta, timezone

import pytest
import requests

from form import binding
from receiver import Receiver, is_genuine


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver(answer=b'{"Status":"OK"}')
    yield receiver
    receiver.close()


def post_form(dev, callback: dict, variables: dict | None = None, file=b"a small file"):
    """Uploads by form, signed here, as an application server would."""
    expiration = datetime.now(timezone.utc) + timedelta(minutes=5)
    document = {
        "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [["starts-with", "$key", "user/"], ["content-length-range", 0, 1 << 20]],
    }
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    signature = hmac.digest(dev.access_key_secret.encode(), policy.encode(), "sha1")
    fields = {
        "key": "user/eric/${filename}",
        "policy": policy,
        "OSSAccessKeyId": dev.access_key_id,
        "success_action_status": "200",
        "callback": base64.b64encode(json.dumps(callback).encode()).decode(),
        "signature": base64.b64encode(signature).decode(),
        **(variables or {}),
    }
    return requests.post(
        f"{dev.storage}/{dev.bucket}/",
        data=fields,
        files={"file": ("cat & dog.txt", file, "text/plain")},
        timeout=20,
    )


BODIES = {
    "form": {"callbackBody": "object=${object}&size=${size}&mimeType=${mimeType}&who=${x:who}"},
    "json": {
        "callbackBody": '{"object":${object},"size":${size},"mimeType":${mimeType},"who":${x:who}}',
        "callbackBodyType": "application/json",
    },
}
TARGETS = ["/callback", "/", "/a%20path/%E7%8C%AB", "/callback?a=1&b=%2F", "/a%20path?q=%20", "/c?"]


@pytest.fixture(params=[(target, body) for target in TARGETS for body in BODIES], ids=str)
def call(request, dev, receiver):
    target, body = request.param
    answer = post_form(
        dev,
        {"callbackUrl": receiver.url(target), **BODIES[body]},
        {"x:who": 'Erič "&" co'},
    )
    assert (answer.status_code, answer.content) == (200, b'{"Status":"OK"}'), answer.text
    assert answer.headers["Content-Type"] == "application/json"
    call = receiver.call()
    assert receiver.is_idle()
    return call


def test_a_callback_is_accepted_as_it_came_and_refused_when_a_byte_differs(call, dev):
    assert is_genuine(call, dev.public_key_url)

    for at, byte in enumerate(call.body):
        changed = call.body[:at] + bytes([byte ^ 1]) + call.body[at + 1 :]
        assert not is_genuine(call.with_body(changed), dev.public_key_url), changed
    assert not is_genuine(call.with_body(call.body + b"\n"), dev.public_key_url)
    assert not is_genuine(call.with_body(call.body[:-1]), dev.public_key_url)

    for at, character in enumerate(call.target):
        if at == 0 or character in "%?":
            continue  # another byte there would be another request line, not another path or query
        changed = call.target[:at] + flip(character) + call.target[at + 1 :]
        assert not is_genuine(call.with_target(changed), dev.public_key_url), changed
    if "?" not in call.target:
        assert not is_genuine(call.with_target(call.target + "?"), dev.public_key_url)
    assert not is_genuine(call.with_target(call.target + "&"), dev.public_key_url)


def flip(character: str) -> str:
    """Another character that may stand in its place; of `%41`, another hexadecimal digit."""
    order = "0123456789ABCDEF0GHIJKLMNOPQRSTUVWXYZG&=&/&"
    at = order.find(character.upper())
    return order[at + 1] if at >= 0 else "z"


def test_the_body_says_what_was_uploaded(dev, receiver):
    post_form(dev, {"callbackUrl": receiver.url(), **BODIES["form"]}, {"x:who": "a b/c"})
    call = receiver.call()
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    said = dict(urllib.parse.parse_qsl(call.body.decode(), strict_parsing=True))
    assert said == {
        "object": "user/eric/cat & dog.txt",
        "size": "12",
        "mimeType": "text/plain",
        "who": "a b/c",
    }

    post_form(dev, {"callbackUrl": receiver.url(), **BODIES["json"]}, {"x:who": "a b/c"})
    call = receiver.call()
    assert call.headers["content-type"] == "application/json"
    assert json.loads(call.body) == {**said, "size": 12}


def test_the_callback_names_its_upload(dev, receiver):
    answer = post_form(dev, {"callbackUrl": receiver.url(), **BODIES["form"]})
    call = receiver.call()
    assert call.headers["x-oss-request-id"] == answer.headers["x-oss-request-id"]
    assert call.headers["x-oss-bucket"] == dev.bucket
    assert call.headers["x-oss-tag"] == "CALLBACK"
    assert call.headers["user-agent"] == "aliyun-oss-callback"


def test_the_reference_application_agrees_with_this_verifier(dev):
    """Its own callback address takes what `dev` signs and was permitted, and nothing else."""
    url = f"{dev.app}/callback"

    def permitted(prefix):
        return binding(dev.bucket, dev.access_key_secret, prefix)

    body = "bucket=${bucket}&object=${object}&size=${size}"
    answer = post_form(dev, {"callbackUrl": url, "callbackBody": f"{body}&binding={permitted('user/eric/')}"})
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json(), dict)

    # Genuinely signed, and permitted to nobody, or to somebody for other files.
    for bound in ("", f"&binding={permitted('user/eve/')}"):
        answer = post_form(dev, {"callbackUrl": url, "callbackBody": body + bound})
        assert (answer.status_code, "403" in answer.text) == (203, True), answer.text

    forged = requests.post(
        url,
        data=b"object=forged&size=1",
        headers={
            "Authorization": base64.b64encode(bytes(256)).decode(),
            "x-oss-pub-key-url": base64.b64encode(dev.public_key_url.encode()).decode(),
        },
        timeout=10,
    )
    assert forged.status_code == 400
    assert requests.post(url, data=b"object=unsigned&size=1", timeout=10).status_code == 400
