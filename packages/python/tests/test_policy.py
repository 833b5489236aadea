"""Policies, signed policies and callback parameters, against the shared tables."""

import base64
import json
from datetime import datetime, timedelta, timezone

import pytest

from upcall import CallbackParameter, PolicyBuilder, SignedPolicy
from upcall.signed_policy import sign_v1, sign_v4
from vectors import table

CASES = table("signed-policy.json")["cases"]
SOON = datetime(2026, 12, 6, 12, 5, tzinfo=timezone.utc)


def time(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def built(case):
    builder = PolicyBuilder(time(case["expiration"]))
    for condition in case["conditions"]:
        operator, field = condition["operator"], condition.get("field")
        if operator == "eq":
            builder = builder.equals(field, condition["value"])
        elif operator == "starts-with":
            builder = builder.starts_with(field, condition["value"])
        elif operator == "in":
            builder = builder.is_in(field, condition["values"])
        elif operator == "not-in":
            builder = builder.not_in(field, condition["values"])
        else:
            builder = builder.content_length_range(condition["min"], condition["max"])
    return builder.build()


def signed_policy(case):
    key = (case["accessKeyId"], case["accessKeySecret"], built(case))
    if case["version"] == "V1":
        signed = SignedPolicy.v1(*key)
    else:
        token = case["securityToken"]
        now = time(case["now"])
        signed = SignedPolicy.v4(*key, region=case["region"], security_token=token, now=now)
    signed = signed.host(case["host"]).dir(case["dir"])
    for name, value in case["more"]:
        signed = signed.field(name, value)
    return signed if case["callback"] is None else signed.callback(case["callback"])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_policy_of_the_table_is_signed_as_the_table_says(case):
    signed = signed_policy(case)
    assert base64.b64decode(signed.policy).decode() == case["policyJson"]
    assert [list(field) for field in signed.fields()] == case["fields"]
    assert json.loads(signed.to_json()) == case["answer"]


def test_recorded_forms_get_the_signatures_that_they_had():
    for case in table("post-v1.json"):
        signature = sign_v1(case["access_key_secret"], case["policy_field"])
        assert signature == case["signature_field"], case["name"]
    for case in table("post-v4.json"):
        scope = case["form_fields"]["x-oss-credential"].split("/")[1:]
        signature = sign_v4(case["access_key_secret"], scope, case["policy_field"])
        assert signature == case["signature_field"], case["name"]


def test_an_expiration_is_cut_to_the_millisecond_in_utc():
    beijing = timezone(timedelta(hours=8))
    policy = PolicyBuilder(datetime(2026, 12, 6, 20, 5, 0, 1999, tzinfo=beijing)).build()
    assert json.loads(policy.to_json()) == {
        "expiration": "2026-12-06T12:05:00.001Z",
        "conditions": [["content-length-range", 0, 9223372036854775807]],
    }
    with pytest.raises(ValueError, match="time zone"):
        PolicyBuilder(datetime(2026, 12, 6))


def test_a_builder_can_be_the_beginning_of_several_policies():
    begun = PolicyBuilder(SOON).bucket("photos")
    eric, mary = begun.starts_with("key", "eric/"), begun.starts_with("key", "mary/")
    assert len(begun.build().conditions) == 1
    assert eric.build() != mary.build()


def test_what_every_server_refuses_is_not_built():
    with pytest.raises(ValueError, match="bytes"):
        PolicyBuilder(SOON).content_length_range(2, 1)
    with pytest.raises(TypeError, match="list of values"):
        PolicyBuilder(SOON).is_in("content-type", "image/png")


def test_what_a_missing_setting_gives_is_not_signed():
    begun = PolicyBuilder(SOON)
    for build in [
        lambda: begun.bucket(None),
        lambda: begun.equals("callback", None),
        lambda: begun.starts_with("key", b"eric/"),
        lambda: begun.is_in("content-type", ["image/png", None]),
        lambda: begun.content_length_range(0, 1.5),
    ]:
        with pytest.raises(TypeError):
            build()
    policy = begun.build()
    for missing in ["", None]:
        for sign, name in [
            (lambda: SignedPolicy.v1(missing, "sk", policy), "access_key_id"),
            (lambda: SignedPolicy.v1("ak", missing, policy), "access_key_secret"),
            (lambda: SignedPolicy.v4("ak", missing, policy, region="r"), "access_key_secret"),
            (lambda: SignedPolicy.v4("ak", "sk", policy, region=missing), "region"),
        ]:
            with pytest.raises(ValueError, match=f"`{name}`"):
                sign()


def test_a_signed_policy_does_not_print_what_it_allows():
    signed = SignedPolicy.v1("ak", "sk", PolicyBuilder(SOON).build()).callback("Y2I=")
    for part in (signed.policy, *dict(signed.fields()).values()):
        assert part not in repr(signed)


def test_a_callback_parameter_as_json_and_base64():
    callback = CallbackParameter(
        ["https://a.example/cb?x=%20", "b.example:8080"],
        '{"object":${object},"user":${x:user}}',
        body_type="application/json",
        host="a.example",
        sni=True,
    )
    assert json.loads(base64.b64decode(callback.encode())) == {
        "callbackUrl": "https://a.example/cb?x=%20;b.example:8080",
        "callbackHost": "a.example",
        "callbackBody": '{"object":${object},"user":${x:user}}',
        "callbackBodyType": "application/json",
        "callbackSNI": True,
    }


def test_every_template_of_the_table_is_taken_and_the_rejected_ones_are_not():
    bodies = table("callback-body.json")
    for case in [*bodies["cases"], bodies["not_an_image"]]:
        CallbackParameter("http://a.example/", case["callbackBody"], case["callbackBodyType"])
    for case in bodies["rejected_templates"]:
        with pytest.raises(ValueError):
            CallbackParameter("http://a.example/", case["callbackBody"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.example/",
        "http://user@a.example/",
        "http://[::1]/",
        "http://a.example:0/",
        "http://a.example:port/",
        "http://a.example/ä",
        "http://a.example/ b",
        "http://a.example/#top",
        "http://a.example\\@b.example/",
        "http:///cb",
        ["http://a.example/;http://b.example/"],
        [],
        ["http://a.example/"] * 6,
    ],
)
def test_an_address_that_the_server_would_refuse_is_refused_here(url):
    with pytest.raises(ValueError):
        CallbackParameter(url, "object=${object}")


def test_other_mistakes_of_callback_parameters():
    for change, sentence in [
        ({"body": "a=${object"}, "not closed"),
        ({"body": 'a=${"x}'}, "not closed"),
        ({"body_type": "text/plain"}, "body_type"),
        ({"host": "a b"}, "host"),
        ({"body": "x" * 5000}, "5120"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            CallbackParameter(**{"url": "http://a.example/", "body": "a=b", **change})
