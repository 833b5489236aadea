"""Public keys: what is one, where it may come from, how it is fetched and kept."""

import asyncio
import base64
import http.server
import socket
import threading
import time

import pytest

from upcall import (
    CallbackVerifier,
    InvalidPublicKey,
    KeySource,
    KeyUnavailable,
    PublicKey,
    PublicKeyUrls,
    VerifyError,
    fetch_key,
    key_source,
)
from upcall.public_key import md5_block
from upcall.testing.signing_key import SigningKey, _value

KEY = SigningKey.generate()
NUMBERS = (KEY.public.modulus, KEY.public.exponent)
OSS_KEY = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem"
URL = PublicKeyUrls.none().also("http://a.example/").admit("http://a.example/k.pem")


# --- a key


def test_a_key_of_ones_own_signs_what_verifies():
    assert KEY.public.bits == 1024
    assert PublicKey.from_pem(KEY.public_pem()) == KEY.public
    signature = KEY.sign_md5(b"text")
    assert KEY.public.verifies_md5(b"text", signature)
    assert not KEY.public.verifies_md5(b"texts", signature)
    assert SigningKey.generate() != KEY


def test_no_other_form_of_a_signature_verifies():
    signature, modulus = KEY.sign_md5(b"text"), KEY.public.modulus
    number = int.from_bytes(signature, "big")
    wrapped = number + modulus
    assert not KEY.public.verifies_md5(b"text", b"\0" + signature)
    assert not KEY.public.verifies_md5(b"text", signature[:-1])
    assert not KEY.public.verifies_md5(b"text", b"")
    assert not KEY.public.verifies_md5(b"text", wrapped.to_bytes(129, "big"))
    if wrapped < 2**1024:
        assert not KEY.public.verifies_md5(b"text", wrapped.to_bytes(128, "big"))
    # Bleichenbacher's: less padding, and rubbish behind the digest. A small exponent would make it
    # easy to find; with the private key it is easy with any.
    good = md5_block(b"text", 128)
    short = b"\x00\x01" + b"\xff" * 8 + good[good.index(b"\x00", 2) :]
    forged = short + bytes(128 - len(short))
    blocks = [
        forged,
        good[:2] + b"\xfe" + good[3:],
        b"\x00\x02" + good[2:],
        bytes(128 - 34) + good[-34:],
        md5_block(b"texts", 128),
    ]
    for block in blocks:
        power = pow(int.from_bytes(block, "big"), KEY._private, modulus)
        assert not KEY.public.verifies_md5(b"text", power.to_bytes(128, "big"))
    power = pow(int.from_bytes(good, "big"), KEY._private, modulus)
    assert KEY.public.verifies_md5(b"text", power.to_bytes(128, "big")), (
        "or this test shows nothing"
    )


def test_what_is_no_key():
    good = KEY.public_pem().decode()
    assert PublicKey.from_pem("\r\n" + good.replace("\n", "\r\n")) == KEY.public
    body = base64.b64decode("".join(good.splitlines()[1:-1]))

    def pem(der):
        text = base64.b64encode(der).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"

    def key_with(inside, behind):
        n, e = (_value(2, bytes([0]) + number.to_bytes(128, "big")) for number in NUMBERS)
        numbers = _value(0x30, n + e + inside) + behind
        return _value(0x30, body[3:18] + _value(3, b"\x00" + numbers))

    assert PublicKey.from_pem(pem(body)) == KEY.public
    assert PublicKey.from_pem(pem(key_with(b"", b""))) == KEY.public
    for bad in [
        "",
        "<html>not found</html>",
        good + good,
        good.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        good.replace("MI", "M!", 1),
        "x" * 17000,
        pem(body + b"\0"),
        pem(body[:-1]),
        pem(b"\x30\x84\xff\xff\xff\xff" + body),
        # Something behind the key, and behind its numbers, with all lengths right.
        pem(key_with(b"", b"\x05\x00")),
        pem(key_with(b"\x05\x00", b"")),
        # An elliptic curve's.
        pem(body.replace(bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d02010101"))),
    ]:
        with pytest.raises(InvalidPublicKey):
            PublicKey.from_pem(bad)
    odd = 2**1023 + 1
    for modulus, exponent in [
        (2**511 - 1, 3),
        (2**4097 + 1, 3),
        (odd + 1, 3),
        (odd, 1),
        (odd, 4),
        (odd, 2**33 + 1),
    ]:
        with pytest.raises(InvalidPublicKey):
            PublicKey(modulus, exponent)


# --- its address


def test_addresses_of_the_list_pass_and_no_others():
    urls = PublicKeyUrls.parse(
        "http://127.0.0.1:8700/callback_pub_key_*.pem, https://keys.example/v1/\n"
        "http://[::1]:8700/k.pem oss http://gosspublic.alicdn.com/callback_pub_key_v1.pem"
    )
    for url, least in [
        ("http://gosspublic.alicdn.com/callback_pub_key_v1.pem", 512),
        ("https://gosspublic.alicdn.com/callback_pub_key_v1.pem", 512),
        ("https://gosspublic.alicdn.com/keys/callback_pub_key_v1.pem", 1024),
        ("http://127.0.0.1:8700/callback_pub_key_5f0c-1D.pem", 1024),
        ("https://keys.example/v1/a.pem", 1024),
        ("http://[::1]:8700/k.pem", 1024),
    ]:
        admitted = urls.admit(url)
        assert admitted is not None and admitted.least_bits == least, url
    for url in [
        "http://127.0.0.1:8700/callback_pub_key_a_b.pem",
        "http://127.0.0.1:8700/callback_pub_key_v1.pem\n",
        "http://127.0.0.1:8700/callback_pub_key_v1.pem2",
        "https://keys.example/v1/",
        "https://keys.example/v1",
        "https://keys.example/v1/../v2/a.pem",
        "https://keys.example/v1/" + "a" * 1024,
        "http://[::1]:8700/k.pem/",
    ]:
        assert urls.admit(url) is None, url
    assert (
        PublicKeyUrls.none().admit("http://gosspublic.alicdn.com/callback_pub_key_v1.pem") is None
    )


def test_a_setting_replaces_the_address_of_oss_which_counts_by_https_only():
    https, http = (f"{scheme}://gosspublic.alicdn.com/k.pem" for scheme in ("https", "http"))
    for setting, admits in [
        ("", True),
        (" ,\n", True),
        ("oss", True),
        ("https://keys.example/k.pem", False),
        ("https://keys.example/k.pem, oss", True),
    ]:
        urls = PublicKeyUrls.parse(setting)
        assert (urls.admit(https) is not None) == admits, setting
        assert urls.admit(http) is None, setting
    assert PublicKeyUrls.oss() == PublicKeyUrls.parse("")
    with pytest.raises(ValueError):
        PublicKeyUrls.parse("OSS")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "http://a.example",
        "http://*/k.pem",
        "http://a*/k.pem",
        "http://a.example/*/k.pem",
        "http://a.example/*-*.pem",
        "http://a.example/k.pem?x=*",
        "http://user@a.example/",
        "ftp://a.example/",
        "http://a.example//",
        "http://a.example/../",
    ],
)
def test_an_entry_that_could_mean_more_than_it_says_is_a_mistake(entry):
    with pytest.raises(ValueError):
        PublicKeyUrls.oss().also(entry)


# --- fetching


@pytest.fixture
def served():
    """A server whose answer a test chooses: a function of the handler; gives its address."""
    chosen = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            chosen["asked"] = chosen.get("asked", 0) + 1
            chosen["answer"](self)

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    chosen["url"] = f"http://127.0.0.1:{server.server_port}/k.pem"
    yield chosen
    server.shutdown()
    server.server_close()
    thread.join()


def answer(status, body=b"", *headers):
    def write(handler):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


def test_a_key_is_fetched(served):
    served["answer"] = answer(200, KEY.public_pem())
    assert PublicKey.from_pem(fetch_key(served["url"])) == KEY.public


def test_a_redirect_is_not_followed(served):
    served["answer"] = answer(302, b"", ("Location", served["url"] + "2"))
    with pytest.raises(KeyUnavailable, match="302"):
        fetch_key(served["url"])
    assert served["asked"] == 1


def test_only_200_and_16_kib(served):
    served["answer"] = answer(206, KEY.public_pem())
    with pytest.raises(KeyUnavailable, match="206"):
        fetch_key(served["url"])
    served["answer"] = answer(200, b"x" * (16 * 1024 + 1))
    with pytest.raises(KeyUnavailable, match="16384"):
        fetch_key(served["url"])


def test_nobody_listens_or_it_is_no_http():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(KeyUnavailable):
        fetch_key(f"http://127.0.0.1:{port}/k.pem")
    with pytest.raises(KeyUnavailable):
        fetch_key("http://127.0.0.1:99999/k.pem")
    with pytest.raises(KeyUnavailable):
        fetch_key("http://[a]/k.pem")


@pytest.mark.parametrize("slow", ["head", "body"])
def test_a_sender_that_drips_is_cut_off(served, slow, monkeypatch):
    """Each byte comes in time; all of them would take for ever."""
    monkeypatch.setattr(key_source, "FETCH_SECONDS", 0.3)
    stop = threading.Event()

    def drip(handler):
        if slow == "body":
            answer_head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
        else:
            answer_head = b"HTTP/1.1 200 OK\r\nX: "
        handler.wfile.write(answer_head)
        while not stop.wait(0.05):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return

    served["answer"] = drip
    begun = time.monotonic()
    try:
        with pytest.raises(KeyUnavailable):
            fetch_key(served["url"])
    finally:
        stop.set()
    assert time.monotonic() - begun < 1.5


# --- keeping


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def counted(outcomes):
    """A fetch that gives one outcome after the other, and how often it was asked."""
    asked = []

    def fetch(url):
        asked.append(url)
        outcome = outcomes[min(len(asked), len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return fetch, asked


def test_a_key_is_fetched_once():
    fetch, asked = counted([KEY.public_pem()])
    clock = Clock()
    keys = KeySource(fetch, clock=clock)
    assert keys.get(URL) == KEY.public
    clock.now = 1e9
    assert keys.get(URL) == KEY.public
    assert asyncio.run(keys.get_async(URL)) == KEY.public
    assert asked == [URL.text]


@pytest.mark.parametrize("failure", [KeyUnavailable("down"), b"no key", RuntimeError("a bug")])
def test_a_failure_is_kept_for_a_few_seconds_only(failure):
    fetch, asked = counted([failure, KEY.public_pem()])
    clock = Clock()
    keys = KeySource(fetch, clock=clock)
    for _ in range(3):
        with pytest.raises(KeyUnavailable):
            keys.get(URL)
    with pytest.raises(KeyUnavailable):
        asyncio.run(keys.get_async(URL))
    assert len(asked) == 1
    clock.now = 3.1
    assert keys.get(URL) == KEY.public
    assert len(asked) == 2


def test_a_key_that_is_another_now_is_learnt_asked_for_once_a_minute_at_most():
    other = SigningKey.generate()
    fetch, asked = counted([KEY.public_pem(), other.public_pem(), KeyUnavailable("down")])
    clock = Clock()
    keys = KeySource(fetch, clock=clock)
    assert keys.get(URL) == KEY.public
    clock.now = 59.9
    assert keys.renewed(URL, KEY.public) is None and len(asked) == 1
    clock.now = 60
    assert keys.renewed(URL, KEY.public) == other.public
    assert asyncio.run(keys.renewed_async(URL, KEY.public)) == other.public
    assert keys.get(URL) == other.public and len(asked) == 2
    clock.now = 119.9
    assert keys.renewed(URL, other.public) is None and len(asked) == 2
    clock.now = 120
    assert asyncio.run(keys.renewed_async(URL, other.public)) is None
    assert keys.renewed(URL, other.public) is None
    assert keys.get(URL) == other.public and len(asked) == 3, "without an answer, the key stays"
    assert keys.renewed(PublicKeyUrls.oss().admit(OSS_KEY), KEY.public) is None and len(asked) == 3


def test_a_verifier_asks_again_when_a_signature_does_not_fit():
    other = SigningKey.generate()
    fetch, asked = counted([KEY.public_pem(), other.public_pem()])
    clock = Clock()
    verifier = CallbackVerifier(PublicKeyUrls.parse(URL.text), KeySource(fetch, clock=clock))

    def verdicts(key):
        signature = base64.b64encode(key.sign_md5(b"/cb\na=b")).decode()
        url = base64.b64encode(URL.text.encode()).decode()
        headers = [("authorization", signature), ("x-oss-pub-key-url", url)]
        request = {"method": "POST", "target": "/cb", "headers": headers, "body": b"a=b"}
        for verify in (verifier.verify, lambda **r: asyncio.run(verifier.verify_async(**r))):
            try:
                yield verify(**request).body
            except VerifyError as error:
                yield error.code

    assert list(verdicts(KEY)) == [b"a=b"] * 2
    assert list(verdicts(other)) == ["signature"] * 2
    clock.now = 60
    assert list(verdicts(other)) == [b"a=b"] * 2
    assert list(verdicts(KEY)) == ["signature"] * 2
    assert len(asked) == 2


def test_requests_that_come_at_the_same_time_share_a_fetch():
    release, asked = threading.Event(), []

    def fetch(url):
        asked.append(url)
        release.wait(5)
        return KEY.public_pem()

    keys = KeySource(fetch)
    found = []
    threads = [threading.Thread(target=lambda: found.append(keys.get(URL))) for _ in range(8)]
    for thread in threads:
        thread.start()

    async def several():
        waiting = [asyncio.ensure_future(keys.get_async(URL)) for _ in range(8)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        release.set()
        return await asyncio.gather(*waiting[1:])

    assert asyncio.run(several()) == [KEY.public] * 7
    for thread in threads:
        thread.join()
    assert found == [KEY.public] * 8
    assert asked == [URL.text]


def test_nobody_waits_longer_than_the_limit_and_a_flood_stays_small(monkeypatch):
    monkeypatch.setattr(key_source, "FETCH_SECONDS", 0.1)
    release = threading.Event()

    def fetch(url):
        release.wait(5)
        return KEY.public_pem()

    keys = KeySource(fetch)
    urls = PublicKeyUrls.none().also("http://a.example/")
    hanging = [urls.admit(f"http://a.example/{number}.pem") for number in range(6)]
    try:
        for number, url in enumerate(hanging):
            with pytest.raises(KeyUnavailable, match="did not come" if number < 4 else "already"):
                keys.get(url)
        with pytest.raises(KeyUnavailable, match="did not come"):
            asyncio.run(keys.get_async(hanging[0]))
    finally:
        release.set()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            assert keys.get(hanging[5]) == KEY.public
            return
        except KeyUnavailable:
            time.sleep(0.01)
    raise AssertionError("the places of the fetches that ended were not given back")


def test_a_host_that_does_not_answer_keeps_no_other_hosts_key_from_coming(monkeypatch):
    monkeypatch.setattr(key_source, "FETCH_SECONDS", 0.1)
    release = threading.Event()

    def fetch(url):
        if url.startswith("http://down.example/"):
            release.wait(5)
        return KEY.public_pem()

    keys = KeySource(fetch)
    urls = PublicKeyUrls.none().also("http://down.example/").also("http://a.example/")
    try:
        for number in range(6):
            with pytest.raises(KeyUnavailable, match="did not come" if number < 4 else "already"):
                keys.get(urls.admit(f"http://down.example/{number}.pem"))
        monkeypatch.setattr(key_source, "FETCH_SECONDS", 2.0)
        assert keys.get(URL) == KEY.public
    finally:
        release.set()


def test_guessed_addresses_do_not_push_a_key_out():
    asked = []

    def fetch(url):
        asked.append(url)
        if not url.endswith("/known.pem"):
            raise KeyUnavailable("404")
        return KEY.public_pem()

    keys = KeySource(fetch)
    urls = PublicKeyUrls.none().also("http://a.example/")
    known = urls.admit("http://a.example/known.pem")
    keys.get(known)
    for number in range(200):
        with pytest.raises(KeyUnavailable):
            keys.get(urls.admit(f"http://a.example/{number}.pem"))
    assert keys.get(known) == KEY.public
    assert len(asked) == 201
    assert len(keys._entries) == 64


def test_the_number_of_kept_keys_is_bounded():
    fetch, asked = counted([KEY.public_pem()])
    keys = KeySource(fetch)
    urls = PublicKeyUrls.none().also("http://a.example/")
    for number in range(100):
        keys.get(urls.admit(f"http://a.example/{number}.pem"))
    assert len(keys._entries) == 64
    keys.get(urls.admit("http://a.example/99.pem"))
    assert len(asked) == 100
