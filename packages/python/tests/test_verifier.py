"""What the verifier says of the requests in the shared tables."""

import asyncio
import base64

import pytest

from servers import table_verifier
from upcall import PublicKey, PublicKeyUrl, VerifiedCallback, VerifyError
from upcall.verifier import string_to_sign
from upcall.verify_error import PARTS
from vectors import body_of, table

VERIFY = table("verify.json")
SIGNATURE = table("callback-signature.json")


def request(case):
    headers = [(name, value) for name, value in case["headers"]]
    body = body_of(case)
    return {"method": case["method"], "target": case["target"], "headers": headers, "body": body}


def verdict(verify):
    try:
        return None, verify()
    except VerifyError as error:
        assert error.part == VERIFY["errors"][error.code]
        return error.code, None


@pytest.mark.parametrize("case", VERIFY["cases"], ids=[case["name"] for case in VERIFY["cases"]])
def test_a_request_of_the_table_gets_its_verdict(case):
    asked = request(case)

    code, callback = verdict(lambda: table_verifier(case).verify(**asked))
    assert code == case["error"]
    assert callback is None or callback.body == asked["body"]

    code, _ = verdict(lambda: asyncio.run(table_verifier(case).verify_async(**asked)))
    assert code == case["error"], "another verdict without blocking"

    as_bytes = [(name.encode(), value.encode()) for name, value in asked["headers"]]
    raw = {**asked, "target": asked["target"].encode(), "headers": as_bytes}
    code, _ = verdict(lambda: table_verifier(case).verify(**raw))
    assert code == case["error"], "another verdict for bytes"


def test_the_table_has_every_code_and_this_package_no_other():
    assert len(VERIFY["cases"]) >= 93
    # Those of the body and of the binding are in another table.
    own = {code: part for code, part in PARTS.items() if part not in ("body", "binding")}
    assert own == VERIFY["errors"]
    assert {case["error"] for case in VERIFY["cases"]} == {None, *own}


def test_callbacks_of_the_real_service_verify_with_its_key():
    key = PublicKey.from_pem(SIGNATURE["oss_public_key"]["pem"])
    assert key.bits == 512
    for case in SIGNATURE["cases"]:
        text = string_to_sign(case["request_target"].encode(), case["body"].encode())
        signature = base64.b64decode(case["authorization"])
        assert key.verifies_md5(text, signature) is case["verifies"], case["name"]


def test_texts_and_signatures_of_the_throwaway_keys():
    for made in SIGNATURE["throwaway_keys_for_tests"]:
        key = PublicKey.from_pem(made["public_key_pem"])
        assert key.bits == made["bits"]
        for case in made["cases"]:
            text = string_to_sign(case["request_target"].encode(), case["body"].encode())
            assert text == case["string_to_sign"].encode()
            assert key.verifies_md5(text, base64.b64decode(case["authorization"]))


def test_headers_may_be_a_mapping_and_hostile_ones_are_no_accident():
    case = next(case for case in VERIFY["cases"] if case["name"] == "genuine")
    asked = request(case)
    assert (
        table_verifier(case).verify(**{**asked, "headers": dict(asked["headers"])}).body
        == asked["body"]
    )
    for name, value in [("authorization", "\ud800"), ("authorization", "é"), ("content-md5", "\0")]:
        hostile = {**dict(asked["headers"]), name: value}
        code, _ = verdict(
            lambda headers=hostile: table_verifier(case).verify(**{**asked, "headers": headers})
        )
        assert code == "header-not-base64"
    for target in ["/\ud800", "", "callback", b"\xff"]:
        code, _ = verdict(
            lambda target=target: table_verifier(case).verify(**{**asked, "target": target})
        )
        assert code == "target"


def test_base64_with_bits_that_belong_to_nothing_is_refused():
    case = next(case for case in VERIFY["cases"] if case["name"] == "genuine")
    asked = request(case)
    headers = dict(asked["headers"])
    assert headers["content-md5"].endswith("Q==") or headers["content-md5"].endswith("w==")
    loose = headers["content-md5"][:-3] + chr(ord(headers["content-md5"][-3]) + 1) + "=="
    code, _ = verdict(
        lambda: table_verifier(case).verify(**{**asked, "headers": {**headers, "content-md5": loose}})
    )
    assert code == "header-not-base64"


def test_the_body_of_a_verified_callback_is_read_strictly():
    def callback(body):
        return VerifiedCallback(body, PublicKeyUrl("http://127.0.0.1/k.pem"))

    form = callback(b"object=user%2F%E7%8C%AB+1.jpg&width=&size=5").form()
    assert form == {"object": "user/猫 1.jpg", "width": "", "size": "5"}
    assert callback(b"").form() == {}
    assert callback(b'{"size":5}').json() == {"size": 5}
    for bad in [b"object=a&object=b", b"object=%FF", b"\xff=1", b"object"]:
        with pytest.raises(ValueError):
            callback(bad).form()
    for bad in [b"object=a", b"[" * 100_000, b'"\xff"']:
        with pytest.raises(ValueError):
            callback(bad).json()
