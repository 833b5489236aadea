"""Forged callbacks: each is refused, nothing is kept, and nobody foreign is asked for anything."""

import json

import pytest

import forgeries
from callbacks import BODY, OBJECT, VECTORS, Callback, b64
from conftest import TARGET
from raw import exchange, send


def genuine(world, id: str = "6743A1F30D8AAA7DD1CD75E5") -> Callback:
    return Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, BODY.format(id=id).encode())


def objects(example) -> list[str]:
    return [row["object"] for row in exchange(example.port, "GET", "/uploads").json()["uploads"]]


def forged(world) -> dict[str, Callback]:
    all_of_them = {}
    for table in (forgeries.CHANGED, forgeries.SIGNATURES, forgeries.KEY_URL_HEADERS):
        for name, forge in table.items():
            callback = genuine(world, id="forged")
            forge(callback)
            all_of_them[name] = callback
    for name, url in forgeries.LOOK_ALIKES.items():
        all_of_them[f"key url, {name}"] = genuine(world, id="forged").key_at(world.address(url))
    for name, (url, key) in (forgeries.NO_KEY | forgeries.USELESS_KEYS).items():
        all_of_them[f"key, {name}"] = genuine(world, id="forged").key_at(world.address(url), key)
    return all_of_them


def test_the_genuine_callback_is_kept_once(another, world):
    example, asked = another(), len(world.keys.asked)
    for _ in range(3):
        answer = send(example.port, genuine(world))
        assert (answer.status, answer.json()["Status"], answer.json()["object"]) == (200, "OK", OBJECT)
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert answer.headers["Transfer-Encoding"] is None
        assert answer.headers["Content-Type"].split(";")[0] == "application/json"
        assert answer.body[:1] == b"{", "a byte order mark, or something printed before"
    rows = exchange(example.port, "GET", "/uploads").json()["uploads"]
    assert rows == [{
        "object": OBJECT, "size": 108904, "mimeType": "image/jpeg", "width": 200, "height": 278,
        "requestId": "6743A1F30D8AAA7DD1CD75E5",
    }]
    assert world.keys.asked[asked:] == ["/callback_pub_key_v1.pem"], "the key is not kept"


def test_every_forgery_is_refused(example, world):
    before, walked, names = objects(example), len(world.traps.walked_into), len(world.names.asked)
    oss = len(world.oss.asked)
    table = forged(world)
    assert len(table) >= 24

    wrong = {}
    for name, callback in table.items():
        answer = send(example.port, callback)
        expected = 503 if name.removeprefix("key, ") in forgeries.NO_KEY else 400
        # A server may refuse what is no HTTP (a line break in a header) in words of its own.
        if answer.status != expected or (answer.body and b"verify not ok" not in answer.body):
            wrong[name] = (answer.status, answer.body[:200])
    assert wrong == {}
    assert objects(example) == before, "something forged was kept"
    assert world.traps.walked_into[walked:] == [], "the forger's server was asked"
    assert world.names.asked[names:] == [], "a foreign name was looked up"
    assert world.oss.asked[oss:] == ["/callback_pub_key_v2.pem"], "of OSS, only the key that is allowed"


def test_a_forgery_does_not_spoil_what_is_genuine(example, world):
    for callback in forged(world).values():
        send(example.port, callback)
    assert send(example.port, genuine(world)).status == 200


@pytest.mark.parametrize("target", ["/callback", "/callback?", "/callback?a=1&b=x/y", "//callback?a=1&b=x%2Fy", "/Callback?a=1&b=x%2Fy",
                                    "/%63allback?a=1&b=x%2Fy", "/a/../callback?a=1&b=x%2Fy", "/callback/?a=1&b=x%2Fy"])
def test_a_callback_for_another_address_is_not_ours(example, world, target):
    """Signed by the same server, for another application, or the path spelled otherwise."""
    before = objects(example)
    callback = Callback(world.address("http://OWN/callback_pub_key_v1.pem"), target, BODY.format(id="elsewhere").encode())
    assert send(example.port, callback).status in (400, 404)
    assert objects(example) == before


@pytest.mark.parametrize("case", [case for case in VECTORS["cases"] if case["verifies"]], ids=lambda case: case["name"])
def test_the_real_services_callback_verifies(another, world, case):
    """Key of 512 bits, from the well-known address. The bodies name no `object`: past the verifier, that is what is missing."""
    running = another(target=case["request_target"])
    url = "http://gosspublic.alicdn.com/callback_pub_key_v1.pem"

    def answered(body: str):
        headers = [("Authorization", case["authorization"]), ("x-oss-pub-key-url", b64(url.encode()))]
        answer = exchange(running.port, "POST", case["request_target"], headers, body.encode())
        return answer.status, json.loads(answer.body)["Status"]

    assert answered(case["body"]) == (400, "body not understood")
    assert answered(case["body"] + "x") == (400, "verify not ok")
