"""The storage server behind a proxy: what the guide's files promise."""

import hashlib
import os
import time
import urllib.parse

import pytest

from client import CLIENTS_ADDRESS, received
from form import END, as_body, as_curl
from receiver import Receiver
from sites import BUCKET_SITE, CONSOLE_SITE, PAGE, STORAGE_SITE

MIB = 1 << 20
# Apache looks for an answer when it has passed on the whole body, and not before. The guide says so.
ANSWERS_WHEN_ALL_IS_SENT = {"apache"}
# Caddy closes the connection while a client over HTTP/1.1 still sends; whether that has read the
# answer by then is chance. Browsers speak HTTP/2 with it.
MAY_CLOSE_TOO_SOON = {"caddy": {"--http1.1"}}


def test_a_file_arrives_unchanged(client, storage, tmp_path):
    content = os.urandom(9 * MIB + 7)
    (tmp_path / "a.bin").write_bytes(content)

    form = as_curl({"key": "user/a.bin", **storage.fields()}, str(tmp_path / "a.bin"))
    status, _, body = client.curl(f"https://{BUCKET_SITE}/", *form)

    assert status == 200, body
    answer = client.ask(BUCKET_SITE, "GET", "/user/a.bin")
    assert answer.status == 200
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("key", ["user/a b+c", "user/x%2Fy", "user/%25", "user//two", "user/../up", "user/中?#"])
def test_a_key_is_the_same_on_the_way_back(client, storage, key):
    headers, body = as_body({"key": key, **storage.fields()}, key.encode())
    assert client.ask(BUCKET_SITE, "POST", "/", headers, body + END).status == 200

    answer = client.ask(BUCKET_SITE, "GET", "/" + urllib.parse.quote(key, safe=""))

    assert (answer.status, answer.body) == (200, key.encode())


def test_bytes_are_stored_while_the_client_still_sends(client, storage):
    """The client keeps the last bytes back until the others are on the storage server's disk."""
    content = os.urandom(24 * MIB)
    headers, body = as_body({"key": "user/slow.bin", **storage.fields()}, content)
    before = storage.bytes_on_disk()
    connection = client.connect(BUCKET_SITE)
    connection.putrequest("POST", "/")
    for header in headers.items():
        connection.putheader(*header)
    connection.endheaders()
    connection.send(body[: -4 * MIB])

    wait_until(lambda: storage.bytes_on_disk() - before >= 12 * MIB)

    connection.send(body[-4 * MIB :] + END)
    assert received(connection).status == 200
    assert client.ask(BUCKET_SITE, "GET", "/user/slow.bin").body == content


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_refusal_comes_while_the_file_is_sent(proxy, client, storage, sparse_file, version):
    status, sent, body = refused_upload(client, storage, sparse_file(12 * MIB), version, "--limit-rate", "4M")

    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True), body
    if proxy.name in ANSWERS_WHEN_ALL_IS_SENT:
        assert sent > 12 * MIB
    else:
        assert sent < 6 * MIB


def test_a_refusal_reaches_a_client_that_sends_more_than_upcall_reads(proxy, client, storage, sparse_file):
    """upcall reads 32 MiB of an upload that it has refused, for 5 s, and closes then."""
    file = sparse_file(48 * MIB)
    for version in {"--http1.1", "--http2"} - MAY_CLOSE_TOO_SOON.get(proxy.name, set()):
        status, _, body = refused_upload(client, storage, file, version)

        if proxy.name in ANSWERS_WHEN_ALL_IS_SENT:
            assert status == 502
        else:
            assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True), body


def test_a_203_reaches_the_client(client, storage):
    application = Receiver(status=500)
    callback = {"callbackUrl": application.url(), "callbackBody": "object=${object}"}
    headers, body = as_body({"key": "user/a.txt", **storage.fields(callback)}, b"stored, not accepted")

    answer = client.ask(BUCKET_SITE, "POST", "/", headers, body + END)
    application.close()

    assert answer.status == 203
    assert b"<Message>Error status : 500.</Message>" in answer.body
    assert client.ask(BUCKET_SITE, "GET", "/user/a.txt").body == b"stored, not accepted"


def test_a_preflight_passes(client):
    headers = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-requested-with",
    }
    answer = client.ask(BUCKET_SITE, "OPTIONS", "/", headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE

    answer = client.ask(BUCKET_SITE, "OPTIONS", "/", {**headers, "Origin": "https://www.example.net"})
    assert answer.status == 403


def test_a_page_may_read_a_refusal(client, storage):
    headers, body = as_body({"key": "elsewhere/a.txt", **storage.fields()}, b"")
    answer = client.ask(BUCKET_SITE, "POST", "/", {**headers, "Origin": PAGE}, body + END)
    assert answer.status == 403
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_the_callback_key_is_served(client):
    answer = client.ask(STORAGE_SITE, "GET", "/callback_pub_key_v1.pem")
    assert answer.status == 200
    assert answer.body.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_the_uploaders_address_is_the_clients(client, storage):
    """`${clientIp}` says who connected to the proxy. No client can set it by a header."""
    application = Receiver()
    callback = {"callbackUrl": application.url(), "callbackBody": "ip=${clientIp}"}
    headers, body = as_body({"key": "user/a.txt", **storage.fields(callback)}, b"")
    headers |= {"X-Forwarded-For": "203.0.113.7"}

    client.ask(BUCKET_SITE, "POST", "/", headers, body + END)
    assert application.call().body == f"ip={CLIENTS_ADDRESS}".encode()

    # The proxy passes this header on; beside its own, which says otherwise, neither is believed.
    client.ask(BUCKET_SITE, "POST", "/", headers | {"Forwarded": "for=203.0.113.7"}, body + END)
    assert application.call().body == b"ip=127.0.0.1"
    application.close()


def test_the_console_is_served_by_its_name(client):
    answer = client.ask(CONSOLE_SITE, "GET", "/console/")
    assert answer.status == 200
    assert b"<html" in answer.body


@pytest.fixture
def sparse_file(tmp_path):
    def make(size: int) -> str:
        with open(tmp_path / "file.bin", "wb") as file:
            file.truncate(size)
        return str(tmp_path / "file.bin")

    return make


def refused_upload(client, storage, file: str, *flags: str) -> tuple[int, int, bytes]:
    """Status, how many bytes had been sent then, and the body."""
    form = as_curl({"key": "elsewhere/a.bin", **storage.fields()}, file)
    return client.curl(f"https://{BUCKET_SITE}/", *flags, *form)


def wait_until(holds):
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit, "it did not come to that"
        time.sleep(0.02)
