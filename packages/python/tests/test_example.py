"""`examples/python`, started as its README says, between a page and a running upcall."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ports import free_port
from servers import exchange
from upcall import Binding, Permission
from upcall.testing.upload import post_form

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/python"
TARGET = "/call%62ack/%E7%8C%AB?by=a%2Fb"
FORM = {"bucket": "b", "object": "uploads/eric/a", "size": "5", "width": "", "requestId": "R1"}
#: What anybody with a key of the storage server can have signed, and what the example permitted.
SECRET = "a secret for bindings"


def bound(object, **more):
    permission = Permission("b", 9_999_999_999, prefix="uploads/eric/", user="eric")
    return {**FORM, "object": object, "binding": Binding(SECRET).make(permission), **more}


class Application:
    """The running example."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.load(error)

    def rows(self):
        return self.get("/uploads")[2]["uploads"]


@pytest.fixture(scope="module")
def installed():
    subprocess.run([EXAMPLE / "run", "--install"], check=True)


@pytest.fixture
def application(installed, upcall_bucket, upcall_client, tmp_path):
    port = free_port()
    env = upcall_bucket.env(f"http://127.0.0.1:{port}{TARGET}")
    env["CALLBACK_KEY_URLS"] += f" {upcall_client.key_url}"
    env.update(PORT=str(port), BINDING_SECRET=SECRET, UPLOADS=str(tmp_path / "uploads.sqlite"))
    process = start(env, tmp_path)
    assert process.stdout.readline() == f"ready: http://127.0.0.1:{port}/\n"
    yield Application(port)
    # Somebody who never finishes a request must not keep it from ending.
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /callback HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
    assert process.stdout.read() == "", "one line on stdout"
    process.stdout.close()


def start(env, folder):
    keep = {name: os.environ[name] for name in ["PATH", "HOME"] if name in os.environ}
    return subprocess.Popen(
        [EXAMPLE / "run"], env={**keep, **env}, cwd=folder, stdout=subprocess.PIPE, text=True
    )


def test_a_page_uploads_through_it(application, upcall_bucket):
    status, headers, policy = application.get("/any/path?user=eric")
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "*" and headers["Cache-Control"] == "no-store"
    assert set(policy) == {"accessid", "host", "policy", "signature", "expire", "callback", "dir"}
    assert 290 < policy["expire"] - time.time() <= 300
    fields = {
        "key": policy["dir"] + "${filename}",
        "policy": policy["policy"],
        "OSSAccessKeyId": policy["accessid"],
        "success_action_status": "200",
        "callback": policy["callback"],
        "signature": policy["signature"],
    }
    answer = post_form(
        policy["host"], fields.items(), b"meow", file_name="猫 &.txt", content_type="text/plain"
    )
    assert (answer.status, answer.json()) == (
        200,
        {"Status": "OK", "object": "uploads/eric/猫 &.txt"},
    )
    assert answer.headers["content-length"]
    assert application.rows() == [
        {
            "object": "uploads/eric/猫 &.txt",
            "size": 4,
            "mimeType": "text/plain",
            "width": None,
            "height": None,
            "requestId": answer.request_id,
            "user": "eric",
        }
    ]
    for change in [{"callback": None}, {"key": "uploads/mary/a"}, {"success_action_status": "204"}]:
        changed = {name: value for name, value in {**fields, **change}.items() if value is not None}
        assert post_form(policy["host"], changed.items(), b"meow").status == 403


def test_it_records_what_is_genuine_and_once(application, upcall_client):
    url = application.url + TARGET
    for tamper in ["body", "key"]:
        answer = upcall_client.send(url, FORM, tamper=tamper)
        assert (answer.status, answer.json()) == (400, {"Status": "verify not ok"})
    for tamper in ["path", "query"]:
        answer = upcall_client.send(url, FORM, tamper=tamper)
        assert (answer.status, answer.json()) == (404, {"Status": "not found"})
    assert application.rows() == []
    for object in ["uploads/eric/a", "uploads/eric/a", "uploads/eric/b"]:
        form = bound(object, requestId="R" + object)
        answer = upcall_client.send(url, form)
        assert (answer.status, answer.json()) == (200, {"Status": "OK", "object": object})
        assert answer.headers["content-type"] == "application/json"
    assert [row["object"] for row in application.rows()] == [
        "uploads/eric/b",
        "uploads/eric/a",
    ]
    for form in [FORM, bound("uploads/mary/a"), bound("uploads/eric/a", bucket="c")]:
        answer = upcall_client.send(url, form)
        assert (answer.status, answer.json()) == (403, {"Status": "not permitted"})
    for body in [b"\xff", b"object", b"a=1&a=2", b"a=%ff"]:
        answer = upcall_client.send(url, body)
        assert (answer.status, answer.json()) == (400, {"Status": "body not understood"})
    assert len(application.rows()) == 2


def test_other_requests(application):
    assert (
        application.get("/?user=guest")[2]["dir"]
        == application.get("/")[2]["dir"]
        == "uploads/guest/"
    )
    for user in ["A", "", "a" * 33, "a/b", "a%0A"]:
        status, headers, answer = application.get(f"/?user={user}")
        assert (status, answer["error"]["code"]) == (400, "InvalidUser"), user
    port = application.port
    status, headers, body = exchange(port, "OPTIONS", "/x", [], b"")
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-methods"] == "GET, POST"
    assert headers["access-control-allow-headers"] == headers["access-control-allow-origin"] == "*"
    assert exchange(port, "PUT", TARGET, [], b"")[0] == 405
    assert exchange(port, "POST", TARGET, [], b"x" * (2**20 + 1))[0] == 413
    # The same once decoded, but not byte for byte.
    assert exchange(port, "POST", "/callback/%E7%8C%AB?by=a%2Fb", [], b"")[0] == 404


@pytest.mark.parametrize(
    "name", ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_HOST", "OSS_BUCKET"]
)
def test_a_setting_that_is_missing_is_named(installed, name, tmp_path):
    env = {"OSS_ACCESS_KEY_ID": "a", "OSS_ACCESS_KEY_SECRET": "b", "OSS_HOST": "http://c/"}
    env["OSS_BUCKET"] = "b"
    keep = {"PATH": os.environ["PATH"]}
    del env[name]
    done = subprocess.run(
        [EXAMPLE / "run"], env={**keep, **env}, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(name + " ")
