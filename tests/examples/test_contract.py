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

from callbacks import BODY, ROOT, Callback, binding
from conftest import ACCESS_KEY, TARGET, UPCALL, environment, starting, wait_until
from ports import free_port
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
    assert ["not-in", "$x-oss-object-acl", ["public-read", "public-read-write"]] in policy["conditions"]
    for name, value in [("bucket", "photos"), ("callback", said["callback"]), ("success_action_status", "200")]:
        assert {name: value} in policy["conditions"] or ["eq", f"${name}", value] in policy["conditions"]

    callback = json.loads(base64.b64decode(said["callback"]))
    assert callback["callbackUrl"] == example.callback_url
    assert {"bucket=${bucket}", "object=${object}", "requestId=${reqId}"} <= set(callback["callbackBody"].split("&"))
    # 25 hours after the end of the policy: a call may be made again for a day.
    ends = [said["expire"] + 90_000 + rounded_up for rounded_up in (0, 1)]
    assert callback["callbackBody"].rpartition("&binding=")[2] in [
        binding(prefix=said["dir"], user=user, expires=end) for end in ends
    ]


def test_the_linter_finds_nothing_open_that_a_policy_could_close_for_the_classic_page(example):
    """That page sends neither ACL nor type, redirect nor overwriting; a condition on what is not sent fails."""
    assert lint(example) == {"type-open", "redirect-open", "overwrite-open"}


def test_the_linter_finds_nothing_open_in_a_bucket_that_is_set_as_the_readme_says(example, storage):
    # The bucket that `upcall dev` makes for its own application: there, the same file may come again.
    assert lint(example, "--bucket", storage.facts["bucket"], "--data", storage.data) == {"overwrite-open"}
    bucket = f"production-{example.language}"
    storage.run("bucket", "create", bucket)
    [command] = [line for line in (ROOT / "examples/README.md").read_text().splitlines() if line.startswith("upcall bucket uploads set ")]
    storage.run(*command.replace("BUCKET", bucket).split()[1:])
    assert lint(example, "--bucket", bucket, "--data", storage.data) == set()


def lint(example, *arguments) -> set[str]:
    policy = base64.b64decode(exchange(example.port, "GET", "/").json()["policy"])
    done = subprocess.run([UPCALL, "policy", "lint", "--json", "--policy", "-", *arguments], input=policy, capture_output=True, check=False)
    assert done.stdout, done.stderr
    return {warning["name"] for warning in json.loads(done.stdout)["warnings"]}


def test_a_binding_is_made_with_a_secret_of_its_own(another):
    first, second = "a secret of 27 bytes for it", "an earlier secret of bindings"
    running = another(BINDING_SECRET=f"{first},{second}")
    callback = json.loads(base64.b64decode(exchange(running.port, "GET", "/?user=eric").json()["callback"]))
    token = callback["callbackBody"].rpartition("&binding=")[2]
    expires = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))["expires"]
    assert token == binding(first, expires=expires)


def test_a_secret_for_bindings_that_is_too_short_is_named(language, tmp_path):
    done = start_with(language, tmp_path, BINDING_SECRET="fifteen bytes..")
    assert done.returncode == 1
    assert "BINDING_SECRET" in done.stderr, done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_without_a_port_it_listens_where_the_callback_url_says(another, host):
    port = free_port()
    running = another(PORT=None, CALLBACK_URL=f"http://{host}:{port}/callback?a=1", port=port)
    assert exchange(port, "GET", "/").status == 200
    assert running.process.poll() is None


def test_a_port_of_another_machine_is_not_its_own(another):
    running = another(PORT=None, CALLBACK_URL="https://app.example:4443/callback", port=3000)
    assert exchange(3000, "GET", "/").status == 200
    assert running.process.poll() is None


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


def test_a_stranger_who_never_sends_the_rest_holds_up_nobody(another, world):
    """A hundred of them, each with half a body: a genuine callback is answered, and they are let go of."""
    running = another()
    head = f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbucket=photos"
    with contextlib.ExitStack() as held:
        strangers = []
        for _ in range(100):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
            connection.sendall(head.encode())
            strangers.append(connection)
        wait_until(lambda: answers(running.port))
        began = time.monotonic()
        callback = Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, BODY.format(id="held").encode())
        assert send(running.port, callback).status == 200
        # The storage server gives up after five.
        assert time.monotonic() - began < 4
        if running.language == "php":
            return  # PHP's own server, which is for development, waits for ever; but nobody waits with it
        for connection in strangers:
            connection.settimeout(30)
            with contextlib.suppress(ConnectionError):
                while connection.recv(4096):
                    pass  # an answer, and then the end


@pytest.mark.parametrize("rest", [
    "&object=uploads%2Feric%2Fother.jpg", "&size=1", "&%73ize=1", "&mimeType=%FF", "&x=%C3", "&%ff=1", "&x=%ED%A0%80",
])
def test_a_body_that_two_readers_could_read_in_two_ways_is_refused_for_good(example, world, rest):
    """Genuine and bound. After a 5xx it would come again, after a 200 it would be kept."""
    before = exchange(example.port, "GET", "/uploads").json()
    body = (BODY.format(id="ambiguous") + rest).encode()
    answer = send(example.port, Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, body))
    assert (answer.status, answer.json()["Status"]) == (400, "body not understood")
    assert exchange(example.port, "GET", "/uploads").json() == before


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


def start_with(language: str, folder: Path, **changed) -> subprocess.CompletedProcess:
    given = {"PORT": str(free_port()), "OSS_ACCESS_KEY_ID": "a", "OSS_ACCESS_KEY_SECRET": "b", "OSS_HOST": "http://127.0.0.1:9/b/", "OSS_BUCKET": "b"}
    given = {name: value for name, value in (given | changed).items() if value is not None}
    return subprocess.run(starting(language), env=environment(**given), cwd=folder, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("missing", ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_HOST", "OSS_BUCKET"])
def test_a_setting_that_is_missing_is_named(language, missing, tmp_path):
    done = start_with(language, tmp_path, **{missing: None})
    assert done.returncode == 1
    assert missing in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr


def test_an_upload_reaches_it(another, storage):
    """A real file to a real server, whose callback it verifies; and what an uploader hears when it is gone."""
    running = another(
        OSS_HOST=storage.bucket_url,
        OSS_BUCKET=storage.facts["bucket"],
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
    assert row["user"] == "eric"
    assert row["requestId"] == answer.headers["x-oss-request-id"]

    for refused in [upload(key="uploads/other/file.txt"), upload(**{"x-oss-object-acl": "public-read"})]:
        assert refused.status_code == 403 and "<Code>AccessDenied</Code>" in refused.text
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(5)
    stored = upload()
    assert stored.status_code == 203 and "<Code>CallbackFailed</Code>" in stored.text
