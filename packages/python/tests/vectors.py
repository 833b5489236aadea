"""The tables of test vectors that every language's package reads."""

import base64
import functools
import json
from pathlib import Path

from upcall import KeyUnavailable

FOLDER = Path(__file__).resolve().parents[3] / "crates/upcall/tests/vectors"


@functools.cache
def table(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def keys_of_the_table(url):
    """What the addresses of `verify.json` answer."""
    keys = table("verify.json")["keys"]
    if url not in keys:
        raise KeyUnavailable("there is nothing in the table")
    return keys[url].encode()


def body_of(case):
    return base64.b64decode(case["bodyBase64"]) if "bodyBase64" in case else case["body"].encode()
