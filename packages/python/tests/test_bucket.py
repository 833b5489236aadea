"""The pytest fixtures, with a running upcall and a receiver behind it."""

import json
import os
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from servers import running_wsgiref
from upcall import CallbackParameter, CallbackVerifier, presign_head, upload_mismatch, wsgi
from upcall.testing import AdminError, CallbackMissing, NoServer, UpcallBucket, UpcallServer
from upcall.testing import server as server_module

# 3 by 2 pixels: the signature and the header, which is all that is looked at.
PNG = bytes.fromhex("89504e470d0a1a0a0000000d494844520000000300000002080200000012166716")


class Receiver:
    """An application: it verifies, and keeps what it was told."""

    def __init__(self, bucket):
        self.told = []
        self.app = wsgi.CallbackApp(CallbackVerifier(bucket.key_urls), self.uploaded)

    def uploaded(self, callback):
        self.told.append(callback.form())
        return {"Status": "OK", "object": callback.form()["object"]}


@pytest.fixture
def receiver(upcall_bucket):
    receiver = Receiver(upcall_bucket)
    with running_wsgiref(receiver.app) as port:
        upcall_bucket.callback_url = f"http://127.0.0.1:{port}/uploaded?by=test"
        yield receiver


@pytest.fixture
def double(upcall_server):
    """For tests of what only a test double can do."""
    if not upcall_server.is_double:
        pytest.skip("this upcall answers `GET /v1/faults` with another status than 200")


def test_an_upload_reaches_the_application(upcall_bucket, receiver):
    answer = upcall_bucket.upload("user/eric/猫 1.png", PNG, content_type="image/png")
    assert (answer.status, answer.json()) == (200, {"Status": "OK", "object": "user/eric/猫 1.png"})
    assert answer.is_accepted and answer.is_stored and answer.error_code is None

    call = upcall_bucket.wait_for_callback(key="user/eric/猫 1.png")
    assert receiver.told == [call.form()]
    told = receiver.told[0]
    assert (told["bucket"], told["size"]) == (upcall_bucket.name, str(len(PNG)))
    assert (told["width"], told["height"], told["mimeType"]) == ("3", "2", "image/png")
    assert told["requestId"] == answer.request_id == call.request_id
    assert (call.status, call.outcome, call.message) == (200, "agreed", None)
    assert call.answer == answer.body
    assert call.target == "/uploaded?by=test"
    assert upcall_bucket.content("user/eric/猫 1.png") == PNG
    assert upcall_bucket.content("user/eric/2.png") is None


def test_each_call_is_waited_for_once(upcall_bucket, receiver):
    for key in ["a", "b", "a"]:
        upcall_bucket.upload(key, key.encode())
    assert upcall_bucket.wait_for_callback(key="b").key == "b"
    assert [upcall_bucket.wait_for_callback().key for _ in range(2)] == ["a", "a"]
    with pytest.raises(CallbackMissing, match=r"no callback for 'b' within 0.1 s.*'a' \(agreed"):
        upcall_bucket.wait_for_callback(key="b", timeout=0.1)
    assert [call.key for call in upcall_bucket.callbacks()] == ["a", "b", "a"]
    assert [call.key for call in upcall_bucket.callbacks(key="b")] == ["b"]


def test_a_wait_ends_when_the_call_does(upcall_bucket, receiver):
    timer = threading.Timer(0.3, upcall_bucket.upload, ["late", b"x"])
    timer.start()
    begun = time.monotonic()
    assert upcall_bucket.wait_for_callback(timeout=20).key == "late"
    assert time.monotonic() - begun < 10
    timer.join()


def test_an_application_that_refuses_is_no_failed_upload(upcall_bucket):
    def refuse(environ, start_response):
        start_response(
            "403 Forbidden", [("Content-Length", "2"), ("Content-Type", "application/json")]
        )
        return [b"{}"]

    with running_wsgiref(refuse) as port:
        callback = CallbackParameter(f"http://127.0.0.1:{port}/", "user=${x:user}")
        answer = upcall_bucket.upload("a", b"x", callback=callback, fields={"x:user": "eric &c"})
    assert (answer.status, answer.error_code) == (203, "CallbackFailed")
    assert answer.is_stored and not answer.is_accepted
    [call] = upcall_bucket.callbacks(outcome="failed", request_id=answer.request_id)
    assert (call.status, call.form()) == (403, {"user": "eric &c"})
    assert call.message == "Error status : 403."
    assert upcall_bucket.callbacks(outcome="agreed") == []


def test_without_a_callback_nobody_is_called(upcall_bucket):
    assert upcall_bucket.callback_url is None
    answer = upcall_bucket.upload("a", b"x")
    assert answer.status in (200, 204) and answer.is_accepted
    assert upcall_bucket.callbacks() == []


def test_a_policy_is_for_its_key_only(upcall_bucket):
    answer = upcall_bucket.upload("a", b"x", fields={"key": "b"})
    assert not answer.is_stored


def test_buckets_do_not_see_each_other(upcall_bucket, receiver, upcall_server):
    other = UpcallBucket(upcall_server, upcall_bucket.name + "-2", upcall_bucket.callback_url)
    other.create()
    upcall_bucket.upload("a", b"x")
    assert other.callbacks() == []
    with pytest.raises(CallbackMissing, match="so far: none"):
        other.wait_for_callback(timeout=0.05)
    other.remove()


def test_a_head_request_says_whether_the_object_is_there_as_the_callback_said(upcall_bucket):
    key = "user/a b+c&'(猫).txt"
    upload = upcall_bucket.upload(key, b"12345")
    etag = upload.headers["etag"].strip('"')

    def mismatch(name, size, tag, secret=None):
        server = upcall_bucket.server
        url = presign_head(
            server.access_key_id,
            secret or server.access_key_secret,
            region="cn-hangzhou",
            host=upcall_bucket.url,
            bucket=upcall_bucket.name,
            key=name,
        )
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
                return upload_mismatch(answer.status, answer.headers, size=size, etag=tag)
        except urllib.error.HTTPError as error:
            return upload_mismatch(error.code, error.headers, size=size, etag=tag)

    assert mismatch(key, 5, etag) is None
    assert mismatch(key, 5, etag.lower()) is None
    assert "size" in mismatch(key, 6, etag)
    assert "ETag" in mismatch(key, 5, "0" + etag[1:] if etag[0] != "0" else "1" + etag[1:])
    assert mismatch("user/none.txt", 5, etag) == "there is no such object"
    assert "403" in mismatch(key, 5, etag, secret="another")


def test_an_application_server_gets_its_settings(upcall_bucket):
    env = upcall_bucket.env("http://127.0.0.1:3000/callback")
    assert env["OSS_HOST"].endswith(f"/{upcall_bucket.name}/")
    assert env["CALLBACK_URL"] == "http://127.0.0.1:3000/callback"
    assert set(env) == {
        "OSS_ACCESS_KEY_ID",
        "OSS_ACCESS_KEY_SECRET",
        "OSS_HOST",
        "OSS_BUCKET",
        "CALLBACK_URL",
        "CALLBACK_KEY_URLS",
    }
    assert "CALLBACK_URL" not in upcall_bucket.env()
    assert env["OSS_ACCESS_KEY_SECRET"] not in repr(upcall_bucket)


def test_pages_of_an_origin_may_upload(upcall_bucket):
    upcall_bucket.allow_origins("https://app.example")
    rules = upcall_bucket.server.admin.ask("GET", f"/v1/buckets/{upcall_bucket.name}/cors")
    assert rules["rules"][0]["allowedOrigins"] == ["https://app.example"]
    with pytest.raises(AdminError, match="400") as raised:
        upcall_bucket.set_cors([{"allowedOrigins": []}])
    assert raised.value.status == 400 and raised.value.code


# --- what only a test double can do


def test_a_wipe_leaves_an_empty_bucket(double, upcall_bucket, receiver):
    upcall_bucket.upload("a", b"x")
    upcall_bucket.fault("refuse", key="never")
    upcall_bucket.wipe()
    assert upcall_bucket.content("a") is None
    assert upcall_bucket.callbacks() == []
    listed = upcall_bucket.server.admin.ask("GET", "/v1/faults", {"bucket": upcall_bucket.name})
    assert listed["faults"] == []
    upcall_bucket.upload("a", b"y")
    assert upcall_bucket.wait_for_callback().form()["size"] == "1"


@pytest.mark.parametrize(
    ("kind", "status"), [("refuse", None), ("500", 500), ("bad-json", 200), ("reset", None)]
)
def test_a_call_goes_wrong(double, upcall_bucket, receiver, kind, status):
    upcall_bucket.fault(kind)
    answer = upcall_bucket.upload("a", b"x")
    assert (answer.status, answer.error_code) == (203, "CallbackFailed")
    call = upcall_bucket.wait_for_callback()
    assert (call.status, call.outcome) == (status, "failed")
    assert call.facts["fault"]["kind"] == kind
    assert len(receiver.told) == (1 if kind == "reset" else 0)
    assert upcall_bucket.upload("a", b"x").status == 200, "it was to happen once"


def test_a_call_is_signed_wrongly(double, upcall_bucket, receiver):
    upcall_bucket.fault("wrong-signature")
    assert upcall_bucket.upload("a", b"x").status == 203
    assert receiver.told == []
    assert upcall_bucket.wait_for_callback().status == 400


def test_a_call_comes_twice(double, upcall_bucket, receiver):
    upcall_bucket.fault("twice")
    assert upcall_bucket.upload("a", b"x").status == 200
    assert len(receiver.told) == 2 and receiver.told[0] == receiver.told[1]
    calls = [upcall_bucket.wait_for_callback() for _ in range(2)]
    assert calls[0].request_id == calls[1].request_id and calls[0].id != calls[1].id


def test_a_call_or_an_upload_takes_its_time(double, upcall_bucket, receiver):
    for on in ["call", "upload"]:
        upcall_bucket.fault("slow", on=on, delay=0.4)
        begun = time.monotonic()
        assert upcall_bucket.upload("a", b"x").status == 200
        assert 0.4 <= time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("refuse", 403, "AccessDenied"), ("500", 500, "InternalError"), ("disk-full", None, None)],
)
def test_an_upload_goes_wrong(double, upcall_bucket, receiver, kind, status, code):
    upcall_bucket.fault(kind, on="upload", count=2, key="a")
    assert upcall_bucket.upload("b", b"x").status == 200
    for _ in range(2):
        answer = upcall_bucket.upload("a", b"x")
        assert not answer.is_stored and answer.error_code
        if status is not None:
            assert (answer.status, answer.error_code) == (status, code)
    assert upcall_bucket.content("a") is None
    assert upcall_bucket.upload("a", b"x").status == 200


def test_an_uploads_connection_is_cut(double, upcall_bucket):
    upcall_bucket.fault("reset", on="upload")
    with pytest.raises(ConnectionError):
        upcall_bucket.upload("a", b"x")
    upcall_bucket.fault("reset", on="upload")
    upcall_bucket.clear_faults()
    assert upcall_bucket.upload("a", b"x").is_stored


def test_a_fault_that_means_nothing_is_refused(double, upcall_bucket):
    with pytest.raises(AdminError, match="400"):
        upcall_bucket.fault("disk-full", on="call")


def test_calls_by_the_applications_status(double, upcall_bucket, receiver):
    upcall_bucket.fault("500", key="a")
    upcall_bucket.upload("a", b"x")
    upcall_bucket.upload("b", b"x")
    assert [call.key for call in upcall_bucket.callbacks(status=500)] == ["a"]
    assert [call.key for call in upcall_bucket.callbacks(status=200)] == ["b"]


def test_a_bucket_that_is_removed_is_gone_with_all_that_is_in_it(double, upcall_server):
    bucket = UpcallBucket(upcall_server, "t-removed")
    bucket.create()
    bucket.upload("a", b"x")
    bucket.remove()
    listed = upcall_server.admin.ask("GET", "/v1/buckets")["buckets"]
    assert "t-removed" not in {bucket["name"] for bucket in listed}


# --- finding the server


def test_without_a_program_the_text_says_what_to_do(tmp_path):
    with pytest.raises(NoServer, match="`PATH`.*`UPCALL`"):
        UpcallServer.for_tests(tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(NoServer, match="no program that can be run"):
        UpcallServer.for_tests(tmp_path, {"PATH": "/bin", "UPCALL": str(tmp_path / "upcall")})


def write_program(folder, script):
    program = folder / "upcall"
    program.write_text(script)
    program.chmod(0o755)
    return program


def test_a_program_that_does_not_start_is_quoted(tmp_path):
    write_program(tmp_path, "#!/bin/sh\necho 'error: no room' >&2\nexit 2\n")
    with pytest.raises(NoServer, match="did not start:\nerror: no room"):
        UpcallServer.for_tests(tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin"})


@pytest.mark.parametrize("prints", ["upcall 0.0.1", '{"storage":"http://127.0.0.1:1"}', "[]"])
def test_a_program_of_another_version_is_told_and_ended(tmp_path, prints):
    script = f"#!/bin/sh\necho $$ > '{tmp_path}/pid'\necho '{prints}'\nexec sleep 60\n"
    program = write_program(tmp_path, script)
    with pytest.raises(NoServer, match="printed no addresses"):
        UpcallServer.for_tests(tmp_path, {"PATH": "/usr/bin:/bin", "UPCALL": str(program)})
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_file_that_is_no_program_of_this_machine_is_told(tmp_path):
    program = tmp_path / "upcall"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    with pytest.raises(NoServer, match="cannot be started"):
        UpcallServer.for_tests(tmp_path, {"PATH": "/bin", "UPCALL": str(program)})


def test_a_program_that_hangs_is_given_up_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(server_module, "START_SECONDS", 0.5)
    program = write_program(tmp_path, f"#!/bin/sh\necho $$ > '{tmp_path}/pid'\nexec sleep 60\n")
    with pytest.raises(NoServer, match="did not start"):
        UpcallServer.for_tests(tmp_path, {"PATH": "/usr/bin:/bin", "UPCALL": str(program)})
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_program_that_prints_more_than_a_pipe_holds_is_not_stopped_by_it(tmp_path):
    facts = {"admin": "http://127.0.0.1:1", "storage": "http://127.0.0.1:1/", "publicKeyUrl": "u"}
    facts.update(accessKeyId="ak", accessKeySecret="sk")
    program = tmp_path / "upcall"
    program.write_text(
        f"#!/bin/sh\necho '{json.dumps(facts)}'\nhead -c 1000000 /dev/zero\n"
        f"touch '{tmp_path}/went-on'\nexec sleep 60\n"
    )
    program.chmod(0o755)
    server = UpcallServer.for_tests(tmp_path, {"PATH": "/usr/bin:/bin", "UPCALL": str(program)})
    try:
        until = time.monotonic() + 10
        while not (tmp_path / "went-on").exists():
            assert time.monotonic() < until, "it waits for somebody to read"
            time.sleep(0.02)
    finally:
        server.stop()


def test_a_server_that_runs_is_used_and_goes_on(double, tmp_path):
    settings = tmp_path / ".env"
    flags = ["--data", tmp_path / "data", "--env-file", settings, "--json"]
    flags += ["--app-url", "http://127.0.0.1:3000/callback"]
    for listener in ["--storage", "--app", "--admin"]:
        flags += [listener, "127.0.0.1:0"]
    program = os.environ.get("UPCALL", "upcall")
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([program, "dev", *flags], stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout.readline()
        words = [line.partition("=") for line in shlex.split(settings.read_text(), comments=True)]
        env = {name: value for name, _, value in words}
        server = UpcallServer.for_tests(tmp_path, env)
        assert server.default_callback_url == "http://127.0.0.1:3000/callback"
        bucket = UpcallBucket(server, "t-running")
        bucket.create()
        assert bucket.upload("a", b"x").is_stored
        assert bucket.key_urls.admit(env["CALLBACK_KEY_URLS"].split()[0].replace("*", "v1"))
        bucket.remove()
        server.stop()
        assert UpcallServer.for_tests(tmp_path, env).is_double, "it is not ours to stop"
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(20) == 0


def test_a_server_that_runs_must_be_named_whole(tmp_path):
    env = {
        "UPCALL_ADMIN_URL": "http://127.0.0.1:1",
        "UPCALL_ADMIN_SECRET": "x",
        "UPCALL_STORAGE_URL": "http://127.0.0.1:1",
        "OSS_ACCESS_KEY_ID": "a",
        "OSS_ACCESS_KEY_SECRET": "b",
    }
    with pytest.raises(NoServer, match="nothing answers"):
        UpcallServer.for_tests(tmp_path, env)
    for name in set(env) - {"UPCALL_ADMIN_URL"}:
        with pytest.raises(NoServer, match=f"`{name}` is not"):
            UpcallServer.for_tests(tmp_path, {**env, name: ""})
