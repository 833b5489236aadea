"""Alibaba Cloud's own Python SDK, unmodified, against `upcall dev`.

An endpoint that is an IP address makes the SDK put the bucket into the path; a name makes it put the
bucket in front of it.
"""

import base64
import json
import os
import socket
import urllib.parse
import uuid

import oss2
import pytest
import requests
from oss2.models import BucketCors, CorsRule

from receiver import Receiver, is_genuine


@pytest.fixture
def receiver():
    receiver = Receiver(answer=b'{"Status":"OK","note":"\xe5\xa5\xbd"}')
    yield receiver
    receiver.close()


@pytest.fixture
def key() -> str:
    return f"user/eric/{uuid.uuid4()} 猫.txt"


def encode(document: dict) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_what_is_put_is_read_listed_and_deleted(photos, key):
    content = os.urandom(300_000)
    headers = {"x-oss-meta-colour": "red", "Content-Type": "image/x-test"}
    put = photos.put_object(key, content, headers=headers)
    assert put.status == 200
    assert str(put.crc) == put.resp.headers["x-oss-hash-crc64ecma"]

    got = photos.get_object(key)
    assert got.read() == content
    assert got.server_crc == got.client_crc
    assert got.headers["x-oss-meta-colour"] == "red"
    assert got.content_type == "image/x-test"

    part = photos.get_object(key, byte_range=(100, 199))
    assert part.status == 206
    assert part.read() == content[100:200]

    head = photos.head_object(key)
    assert head.content_length == len(content)
    assert head.etag == put.etag

    listed = {found.key: found.size for found in oss2.ObjectIterator(photos, prefix="user/eric/")}
    assert listed[key] == len(content)
    assert photos.object_exists(key)

    assert photos.delete_object(key).status == 204
    assert not photos.object_exists(key)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        photos.get_object(key)


def test_a_put_with_callback_headers_returns_the_applications_answer(photos, key, receiver, dev):
    headers = {
        "x-oss-callback": encode(
            {
                "callbackUrl": receiver.url("/uploaded%20here?from=sdk&x=%2F"),
                "callbackBody": "bucket=${bucket}&object=${object}&size=${size}&who=${x:who}",
            }
        ),
        "x-oss-callback-var": encode({"x:who": "Erič & co"}),
    }
    put = photos.put_object(key, b"hello", headers=headers)
    assert put.status == 200
    assert json.loads(put.resp.read()) == {"Status": "OK", "note": "好"}

    call = receiver.call()
    assert call.target == "/uploaded%20here?from=sdk&x=%2F"
    assert dict(urllib.parse.parse_qsl(call.body.decode(), strict_parsing=True)) == {
        "bucket": photos.bucket_name,
        "object": key,
        "size": "5",
        "who": "Erič & co",
    }
    assert is_genuine(call, dev.public_key_url)


def test_a_failed_callback_is_said_and_the_object_stays(photos, key):
    with Refusing() as url:
        headers = {"x-oss-callback": encode({"callbackUrl": url, "callbackBody": "size=${size}"})}
        put = photos.put_object(key, b"hello", headers=headers)
    # A 2xx, so that nobody sends the file again; the SDK takes it for success.
    assert put.status == 203
    said = put.resp.read().decode()
    assert "<Code>CallbackFailed</Code>" in said
    assert "<Message>Error status : 500.</Message>" in said
    assert photos.get_object(key).read() == b"hello"


class Refusing(Receiver):
    """An application that answers 500."""

    def __init__(self):
        super().__init__(answer=b"{}", status=500)

    def __enter__(self) -> str:
        return self.url()

    def __exit__(self, *_):
        self.close()


def test_a_signed_url_works_until_it_is_changed(photos, key):
    photos.put_object(key, b"by link")
    url = photos.sign_url("GET", key, 60, slash_safe=True)
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"by link")

    other = requests.get(url.replace("user/eric", "user/else"), timeout=10)
    assert other.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in other.text

    put = photos.sign_url("PUT", key, 60, headers={"Content-Type": "text/x"}, slash_safe=True)
    answer = requests.put(put, data=b"put by link", headers={"Content-Type": "text/x"}, timeout=10)
    assert answer.status_code == 200
    assert photos.get_object(key).read() == b"put by link"


def test_a_bucket_is_made_with_cors_rules_that_are_kept(dev):
    bucket = dev.bucket_client(f"made-{uuid.uuid4()}")
    assert bucket.create_bucket(oss2.BUCKET_ACL_PUBLIC_READ).status == 200
    rule = CorsRule(
        allowed_origins=["http://page.example"],
        allowed_methods=["POST", "PUT"],
        allowed_headers=["*"],
        expose_headers=["x-oss-request-id"],
        max_age_seconds=60,
    )
    bucket.put_bucket_cors(BucketCors([rule]))

    preflight = {"Origin": "http://page.example", "Access-Control-Request-Method": "POST"}
    address = f"{dev.storage}/{bucket.bucket_name}/"
    allowed = requests.options(address, headers=preflight, timeout=10)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert allowed.headers["Access-Control-Max-Age"] == "60"

    strange = {**preflight, "Origin": "http://strange.example"}
    assert requests.options(address, headers=strange, timeout=10).status_code == 403

    info = bucket.get_bucket_info()
    assert info.name == bucket.bucket_name
    assert info.acl.grant == "public-read"
    bucket.put_object("open.txt", b"for all")
    assert requests.get(f"{address}open.txt", timeout=10).content == b"for all"


def test_listings_come_in_pages_and_folders(dev):
    bucket = dev.bucket_client(f"pages-{uuid.uuid4()}")
    bucket.create_bucket()
    keys = [f"{folder}/{number:02}" for folder in "abc" for number in range(5)] + ["loose"]
    for key in keys:
        bucket.put_object(key, b"x")
    assert [found.key for found in oss2.ObjectIterator(bucket, max_keys=2)] == sorted(keys)

    folders = bucket.list_objects(delimiter="/")
    assert folders.prefix_list == ["a/", "b/", "c/"]
    assert [found.key for found in folders.object_list] == ["loose"]

    page = bucket.list_objects(prefix="b/", max_keys=3)
    assert page.is_truncated
    assert [found.key for found in page.object_list] == ["b/00", "b/01", "b/02"]
    rest = bucket.list_objects(prefix="b/", marker=page.next_marker)
    assert [found.key for found in rest.object_list] == ["b/03", "b/04"]


def test_a_wrong_secret_is_refused(dev):
    auth = oss2.Auth(dev.access_key_id, "not the secret")
    bucket = oss2.Bucket(auth, dev.storage, dev.bucket)
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch) as refused:
        bucket.put_object("a", b"x")
    assert refused.value.status == 403
    assert refused.value.request_id

    unknown = oss2.Bucket(oss2.Auth("nobody", "nothing"), dev.storage, dev.bucket)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        unknown.put_object("a", b"x")
    assert refused.value.code == "InvalidAccessKeyId"


def test_a_bucket_is_addressed_by_host_as_well(dev, key, monkeypatch):
    """`BUCKET.oss-REGION.localhost`, which resolves on this machine whatever its resolver says."""
    resolve = socket.getaddrinfo

    def to_loopback(host, *arguments, **options):
        is_ours = str(host).endswith(".localhost")
        return resolve("127.0.0.1" if is_ours else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", to_loopback)
    port = urllib.parse.urlsplit(dev.storage).port
    endpoint = f"http://oss-{dev.region}.localhost:{port}"
    bucket = oss2.Bucket(dev.auth(), endpoint, dev.bucket, enable_crc=True)
    bucket.put_object(key, b"by host")
    assert f"{dev.bucket}.oss-{dev.region}.localhost" in bucket.sign_url("GET", key, 60)
    assert bucket.get_object(key).read() == b"by host"
    assert dev.bucket_client(dev.bucket).get_object(key).read() == b"by host"
