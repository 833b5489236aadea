"""Forged callbacks: each is refused, nothing is kept, and nobody foreign is asked for anything."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import forgeries
from callbacks import BODY, OBJECT, OURS, VECTORS, Callback, b64
from conftest import ACCESS_KEY, TARGET, wait_until
from raw import exchange, send


def genuine(world, id: str = "6743A1F30D8AAA7DD1CD75E5") -> Callback:
    return Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, BODY.format(id=id).encode())


def objects(example) -> list[str]:
    return [row["object"] for row in exchange(example.port, "GET", "/uploads").json()["uploads"]]


def forged(world) -> dict[str, tuple[int, Callback]]:
    """Each with the status of the answer that it must get."""
    all_of_them = {}

    def add(name: str, status: int) -> Callback:
        all_of_them[name] = (status, genuine(world, id="forged"))
        return all_of_them[name][1]

    for table in (forgeries.CHANGED, forgeries.SIGNATURES, forgeries.KEY_URL_HEADERS):
        for name, forge in table.items():
            forge(add(name, 400))
    for name, target in forgeries.AIMED.items():
        add(f"aimed, {name}", 404).aimed(target)
    for name, url in forgeries.LOOK_ALIKES.items():
        add(f"key url, {name}", 400).key_at(world.address(url))
    for name, url in forgeries.RESPELLED.items():
        add(f"key url, {name}", 400).key_at(world.address(url), OURS)
    for status, table in ((503, forgeries.NO_KEY), (400, forgeries.USELESS_KEYS)):
        for name, (url, key) in table.items():
            add(f"key, {name}", status).key_at(world.address(url), key)
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
        "requestId": "6743A1F30D8AAA7DD1CD75E5", "user": "eric",
    }]
    assert world.keys.asked[asked:] == ["/callback_pub_key_v1.pem"], "the key is not kept"


def test_every_forgery_is_refused(example, world):
    before, walked, names = objects(example), len(world.traps.walked_into), len(world.names.asked)
    oss, keys = len(world.oss.asked), len(world.keys.asked)
    table = forged(world)
    assert len(table) >= 120

    wrong = {}
    for name, (status, callback) in table.items():
        began = time.monotonic()
        answer = send(example.port, callback)
        took = time.monotonic() - began
        words = b"not found" if status == 404 else b"verify not ok"
        # A server may refuse what is no HTTP in words of its own. The storage server waits for five seconds.
        if answer.status != status or (answer.body and words not in answer.body) or took > 4:
            wrong[name] = (answer.status, answer.body[:200], took)
    assert wrong == {}
    assert objects(example) == before, "something forged was kept"
    assert world.traps.walked_into[walked:] == [], "the forger's server was asked"
    assert world.names.asked[names:] == [], "a foreign name was looked up"
    allowed = [url for url, _ in (forgeries.NO_KEY | forgeries.USELESS_KEYS).values()]
    assert {f"http://OWN{path}" for path in world.keys.asked[keys:]} <= set(allowed), "an address was read loosely"
    assert world.oss.asked[oss:] == ["/callback_pub_key_v2.pem"], "of OSS, only the key that is allowed"
    signatures = [callback.get("authorization") for _, callback in table.values() if callback.has("authorization")]
    example.says_nothing_of(ACCESS_KEY[1], "108904", "108905", *signatures)


@pytest.mark.parametrize("name", forgeries.BOUND)
def test_a_genuine_signature_under_a_foreign_body_is_refused(example, world, name):
    """Each customer of OSS, and each holder of a key of an upcall, can have such a body signed for this address."""
    before = objects(example)
    body = forgeries.BOUND[name](BODY.format(id="forged")).encode()
    answer = send(example.port, Callback(world.address(f"http://OWN/{forgeries.KEY}"), TARGET, body))
    assert (answer.status, answer.json()["Status"]) == (403, "not permitted")
    assert objects(example) == before
    example.says_nothing_of(ACCESS_KEY[1], "forged", body.decode().rpartition("&binding=")[2])


@pytest.mark.parametrize("setting, status_by_https", [(None, 503), ("oss", 503), ("http://OWN/keys/", 400)])
def test_a_setting_replaces_the_key_of_oss_which_counts_by_https_only(another, world, setting, status_by_https):
    """Nobody answers for OSS by https here, so 503 says that its address is allowed."""
    running, asked = another(CALLBACK_KEY_URLS=setting and world.address(setting)), len(world.oss.asked)
    by_http = genuine(world).key_at(f"http://gosspublic.alicdn.com/{forgeries.KEY}", OURS)
    assert send(running.port, by_http).status == 400
    by_https = genuine(world).key_at(f"https://gosspublic.alicdn.com/{forgeries.KEY}", OURS)
    assert send(running.port, by_https).status == status_by_https
    assert world.oss.asked[asked:] == []
    assert send(running.port, genuine(world)).status == 400


def test_a_forgery_does_not_spoil_what_is_genuine(example, world):
    for _, callback in forged(world).values():
        send(example.port, callback)
    assert send(example.port, genuine(world)).status == 200


def test_many_addresses_of_keys_hold_up_nobody_else(example, world):
    """A stranger names many that are allowed and slow: each may take two seconds, but not of somebody else's."""
    assert send(example.port, genuine(world)).status == 200
    asked, world.keys.most_under_way = len(world.keys.asked), 0
    urls = [world.address(f"http://OWN/keys/slow/{number}.pem") for number in range(48)]
    with ThreadPoolExecutor(len(urls)) as strangers:
        answers = [strangers.submit(send, example.port, genuine(world, id="forged").key_at(url)) for url in urls]
        wait_until(lambda: len(world.keys.asked) > asked)
        began = time.monotonic()
        assert send(example.port, genuine(world)).status == 200
        assert time.monotonic() - began < 4
        assert {answer.result().status for answer in answers} == {503}
    assert world.keys.most_under_way <= 32, "it fetches as many as a stranger likes"


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
    """Key of 512 bits, from the well-known address. The bodies have no binding: past the verifier, that is what is missing."""
    running = another(target=case["request_target"])
    url = "http://gosspublic.alicdn.com/callback_pub_key_v1.pem"

    def answered(body: str):
        headers = [("Authorization", case["authorization"]), ("x-oss-pub-key-url", b64(url.encode()))]
        answer = exchange(running.port, "POST", case["request_target"], headers, body.encode())
        return answer.status, json.loads(answer.body)["Status"]

    assert answered(case["body"]) == (403, "not permitted")
    assert answered(case["body"] + "x") == (400, "verify not ok")


#: On the wire, what servers read differently. Each is a genuine callback but for this.
ODD = {
    "a fragment": lambda c: c.aimed(c.target + "#x"),
    "an absolute target": lambda c: c.aimed("http://127.0.0.1" + c.target),
    "another length": lambda c: c.add("Content-Length", "5"),
    "a key url with underscores": lambda c: setattr(
        c, "headers", [(name.replace("-pub-key-url", "_pub_key_url"), value) for name, value in c.headers]),
    "a second key url, with underscores": lambda c: c.add("x_oss_pub_key_url", c.get("x-oss-pub-key-url")),
    "a control byte behind the signature": lambda c: c.put("Authorization", c.get("Authorization") + "\x1f"),
}

#: What an example cannot see, as its server has changed it before.
UNSEEN = {
    # http::Uri has no fragment.
    "a fragment": ["rust"],
    # PHP's own server takes the last of two.
    "another length": ["php"],
    # Java's own server trims all bytes up to a blank.
    "a control byte behind the signature": ["java"],
    # CGI's rule for names; Apache drops such headers before.
    "a key url with underscores": ["php"],
    "a second key url, with underscores": ["php", "php-apache", "php-fpm"],
}


@pytest.mark.parametrize("name", ODD)
def test_what_servers_read_differently_is_refused_for_good(example, world, name):
    if example.language in UNSEEN.get(name, []):
        pytest.skip("its server hides it")
    before = objects(example)
    callback = genuine(world, id="odd")
    ODD[name](callback)
    answer = answered(example.port, callback)
    assert 400 <= answer.status < 500, answer
    assert objects(example) == before


def answered(port, callback):
    """A server that refuses a head closes before it has read the body, and the reset that follows can
    take its answer along (RFC 9112, 9.6): what was lost so is asked for again."""
    for _ in range(9):
        with contextlib.suppress(ConnectionResetError):
            return send(port, callback)
    return send(port, callback)
