"""What every example does alike: the policy, the limits, the start and the end."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from callbacks import BODY, Callback
from conftest import ACCESS_KEY, TARGET, environment, free_port, starting, wait_until
from raw import exchange, send


@pytest.mark.parametrize("path", ["/", "/?user=eric", "/any/path?user=eric"])
def test_any_get_is_a_signed_policy(example, path):
    answer = exchange(example.port, "GET", path)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.json()
    assert set(said) == {"accessid", "host", "policy", "signature", "expire", "callback", "dir"}
    user = "eric" if "eric" in path else "guest"
    assert (said["accessid"], said["host"], said["dir"]) == (ACCESS_KEY[0], "http://127.0.0.1:9/photos/", f"uploads/{user}/")
    assert type(said["expire"]) is int and 290 <= said["expire"] - time.time() <= 301
    mac = hmac.new(ACCESS_KEY[1].encode(), said["policy"].encode(), hashlib.sha1)
    assert said["signature"] == base64.b64encode(mac.digest()).decode()

    policy = json.loads(base64.b64decode(said["policy"]))
    assert abs(said["expire"] - parse_time(policy["expiration"])) < 1
    assert ["starts-with", "$key", said["dir"]] in policy["conditions"]
    assert ["content-length-range", 0, 104857600] in policy["conditions"]
    for name, value in [("callback", said["callback"]), ("success_action_status", "200")]:
        assert {name: value} in policy["conditions"] or ["eq", f"${name}", value] in policy["conditions"]

    callback = json.loads(base64.b64decode(said["callback"]))
    assert callback["callbackUrl"] == example.callback_url
    assert "object=${object}" in callback["callbackBody"] and "requestId=${reqId}" in callback["callbackBody"]


def parse_time(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("user", ["", "Eric", "a/b", "..", "%2e%2e", "a%00", "a" * 33, "%E7%8C%AB", "%24%7Bfilename%7D"])
def test_a_user_is_a_folder_and_nothing_else(example, user):
    answer = exchange(example.port, "GET", f"/?user={user}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "InvalidUser")


def test_pages_of_any_origin_may_ask(example):
    answer = exchange(example.port, "OPTIONS", "/", [("Origin", "http://page.example"), ("Access-Control-Request-Method", "GET")])
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_methods_and_sizes_have_bounds(example):
    assert exchange(example.port, "PUT", TARGET).status == 405
    assert exchange(example.port, "DELETE", "/").status == 405
    assert exchange(example.port, "POST", TARGET, body=b"a" * (1 << 20) + b"a").status == 413


def test_nobody_ends_it_by_announcing_much_or_hanging_up(another):
    running = another()
    for length in (1000, 99999999999, 2**63):
        head = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        for _ in range(10):  # PHP has some processes
            # It may be down for a moment.
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", running.port), 5) as connection:
                connection.sendall(head.encode() + b"a")
    time.sleep(0.5)
    wait_until(lambda: answers(running.port))
    assert running.process.poll() is None
    said = Path(running.log.name).read_text(errors="replace")
    assert "Traceback" not in said and "\tat " not in said and "    at " not in said


def answers(port: int) -> bool:
    try:
        return exchange(port, "GET", "/").status == 200
    except OSError:
        return False


def test_a_verified_body_without_an_object_is_not_understood(example, world):
    callback = Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, b"size=5&mimeType=text%2Fplain")
    answer = send(example.port, callback)
    assert (answer.status, answer.json()["Status"]) == (400, "body not understood")


def test_it_ends_when_it_is_asked_to_and_keeps_its_rows(another, world):
    running = another()
    callback = Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, BODY.format(id="kept").encode())
    assert send(running.port, callback).status == 200
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 4
    rows = exchange(another().port, "GET", "/uploads").json()["uploads"]
    # The second one listens at another port, and has the same file.
    assert [row["requestId"] for row in rows] == ["kept"]


@pytest.mark.parametrize("missing", ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_HOST"])
def test_a_setting_that_is_missing_is_named(language, missing, tmp_path):
    given = {"PORT": str(free_port()), "OSS_ACCESS_KEY_ID": "a", "OSS_ACCESS_KEY_SECRET": "b", "OSS_HOST": "http://127.0.0.1:9/b/"}
    del given[missing]
    done = subprocess.run(starting(language), env=environment(**given), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert missing in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr


def test_an_upload_reaches_it(another, storage):
    """A real file to a real server, whose callback it verifies; and what an uploader hears when it is gone."""
    running = another(
        OSS_HOST=storage.bucket_url,
        OSS_ACCESS_KEY_ID=storage.facts["accessKeyId"],
        OSS_ACCESS_KEY_SECRET=storage.facts["accessKeySecret"],
        CALLBACK_KEY_URLS=storage.facts["publicKeyUrl"],
    )
    said = exchange(running.port, "GET", "/?user=eric").json()
    name = "cat & 猫.txt"

    def upload(**changed):
        form = {
            "key": said["dir"] + name, "policy": said["policy"], "OSSAccessKeyId": said["accessid"],
            "success_action_status": "200", "callback": said["callback"], "signature": said["signature"],
        } | changed
        return requests.post(said["host"], data=form, files={"file": (name, b"hello", "text/plain")}, timeout=20)

    answer = upload()
    assert (answer.status_code, answer.json()["object"]) == (200, f"uploads/eric/{name}")
    row = exchange(running.port, "GET", "/uploads").json()["uploads"][0]
    assert (row["object"], row["size"], row["mimeType"], row["width"]) == (f"uploads/eric/{name}", 5, "text/plain", None)
    assert row["requestId"] == answer.headers["x-oss-request-id"]

    refused = upload(key="uploads/other/file.txt")
    assert refused.status_code == 403 and "<Code>AccessDenied</Code>" in refused.text
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(5)
    stored = upload()
    assert stored.status_code == 203 and "<Code>CallbackFailed</Code>" in stored.text
