"""The binding: the table that every language reads, and receivers that ask for one."""

import asyncio
import json
from datetime import datetime, timezone

import pytest

from upcall import (
    Binding,
    BindingError,
    CallbackVerifier,
    InvalidBody,
    Permission,
    PublicKeyUrls,
    VerifyError,
)
from upcall.asgi import CallbackApp as AsgiCallbackApp
from upcall.wsgi import CallbackApp as WsgiCallbackApp
from servers import running_uvicorn, running_wsgiref
from vectors import table

TABLE = table("binding.json")
SECRET = "sk-of-the-application"
LATER = 9_999_999_999


def ids(rows):
    return [row["name"] for row in rows]


@pytest.mark.parametrize("row", TABLE["make"], ids=ids(TABLE["make"]))
def test_a_binding_of_the_table_is_made(row):
    permission = Permission(**row["permission"])
    assert permission.to_json() == row["text"]
    assert Binding(row["secret"]).make(permission) == row["token"]


@pytest.mark.parametrize("row", TABLE["verify"], ids=ids(TABLE["verify"]))
def test_a_binding_of_the_table_gets_its_verdict(row):
    def verify():
        binding = Binding(row["secrets"])
        upload = {"bucket": row["bucket"], "object": row["object"]}
        return binding.verify(row["token"], now=row["now"], **upload)

    if isinstance(row["result"], dict):
        assert verify() == Permission(**row["result"])
        return
    with pytest.raises(BindingError) as refused:
        verify()
    error = refused.value
    assert isinstance(error, VerifyError)
    assert (error.code, error.part, error.status) == (row["result"], "binding", 403)


def test_the_table_is_not_a_stub():
    assert len(TABLE["make"]) >= 11 and len(TABLE["verify"]) >= 60


def test_a_binding_ends_with_its_policy_and_the_grace_after_it():
    end = datetime.fromtimestamp(1_796_000_000.1, timezone.utc)
    assert Binding(SECRET).expires_after(end) == 1_796_000_001 + TABLE["grace"]
    assert Binding(SECRET, grace_seconds=60).expires_after(end) == 1_796_000_061
    for grace in (-1, 0.5, True, "60"):
        with pytest.raises(ValueError, match="grace_seconds"):
            Binding(SECRET, grace_seconds=grace)


def test_of_a_settings_secrets_the_first_makes_and_all_verify():
    permission = Permission("b", LATER, prefix="")
    a, b = "a" * 16, "b" * 16
    both = Binding.from_setting(f" {a}, {b},", SECRET)
    assert both.make(permission) == Binding(a).make(permission)
    assert both.verify(Binding(b).make(permission), bucket="b", object="k") == permission
    with pytest.raises(BindingError):
        both.verify(Binding(SECRET).make(permission), bucket="b", object="k")
    for unset in (None, ""):
        assert Binding.from_setting(unset, SECRET).make(permission) == Binding(SECRET).make(permission)
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Binding.from_setting("a" * 15, SECRET)
    for none in ("", [], ["a", ""], [None]):
        with pytest.raises(ValueError, match="needs a secret"):
            Binding(none)


@pytest.mark.parametrize(
    "members",
    [
        {"prefix": "p/", "key": "p/k"},
        {},
        {"prefix": 1},
        {"prefix": "p/", "user": 7},
        {"prefix": "p/", "expires": 1.5},
        {"prefix": "p/", "expires": True},
        {"prefix": "p/", "expires": -1},
        {"prefix": "p/", "bucket": None},
    ],
)
def test_what_is_no_permission_is_not_signed(members):
    with pytest.raises(ValueError):
        Permission(**{"bucket": "b", "expires": 1, **members})


def bodies():
    """Bodies, and the user whom a verifier with a binding names, or the code of its refusal."""
    token = Binding(SECRET).make(Permission("photos", LATER, prefix="uploads/eric/", user="eric"))
    key = "uploads/eric/cat.png"
    return [
        (f"bucket=photos&object={key}&binding={token}", "eric"),
        (json.dumps({"bucket": "photos", "object": key, "binding": token}), "eric"),
        (f"bucket=photos&object={key}", "binding-missing"),
        (json.dumps({"bucket": "photos", "object": key, "binding": [token]}), "binding-missing"),
        (f"bucket=photos&object=uploads/mallory/cat.png&binding={token}", "binding-object"),
        (f"bucket=other&object={key}&binding={token}", "binding-bucket"),
        (f"bucket=photos&object={key}&object={key}&binding={token}", "body"),
        ('{"bucket":"photos","object":"a","object":"b","binding":"%s"}' % token, "body"),
        ('{"bucket":"photos","object":"a","x":{"y":1,"y":1}}', "body"),
        (f"bucket=photos&object=%ff&binding={token}", "body"),
        ('{"bucket":', "body"),
    ]


def test_a_verifier_with_a_binding_takes_what_was_permitted(upcall_client):
    urls = PublicKeyUrls.parse(upcall_client.key_url)
    verifier = CallbackVerifier(urls, binding=Binding(SECRET))
    for body, wanted in bodies():
        asked = upcall_client.sign("/cb", body)
        request = {"method": asked.method, "target": asked.target}
        request.update(headers=asked.headers, body=asked.body)
        for verify in (verifier.verify, lambda **r: asyncio.run(verifier.verify_async(**r))):
            try:
                assert verify(**request).permission.user == wanted
            except VerifyError as error:
                assert error.code == wanted, body
        callback = CallbackVerifier(urls).verify(**request)
        with pytest.raises(TypeError, match="binding"):
            print(callback.permission)
        if wanted == "body":
            with pytest.raises(InvalidBody):
                callback.json() if body.startswith("{") else callback.form()


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_an_adapter_answers_what_is_not_permitted_and_what_it_cannot_read(kind, upcall_client):
    app, running = {
        "asgi": (AsgiCallbackApp, running_uvicorn),
        "wsgi": (WsgiCallbackApp, running_wsgiref),
    }[kind]
    urls = PublicKeyUrls.parse(upcall_client.key_url)

    def answers(verifier, handler):
        with running(app(verifier, handler)) as port:
            for body, wanted in bodies():
                answer = upcall_client.send(f"http://127.0.0.1:{port}/cb", body)
                yield wanted, answer.status, answer.json()

    bound = CallbackVerifier(urls, binding=Binding(SECRET))
    for wanted, status, said in answers(bound, lambda it: {"user": it.permission.user}):
        if wanted == "eric":
            assert (status, said) == (200, {"user": "eric"})
        elif wanted == "body":
            assert (status, said) == (400, {"Status": "body not understood"})
        else:
            assert (status, said) == (403, {"Status": "not permitted"})
    # A handler that reads it itself: it must not end in a 500, after which it is called again.
    plain = answers(CallbackVerifier(urls), lambda it: it.form())
    assert {status for wanted, status, _ in plain if wanted == "body"} == {400}
