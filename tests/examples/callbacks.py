"""Callbacks as a storage server signs them, and as a forger would like them to be."""

import base64
import copy
import hashlib
import hmac
import json
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "crates/upcall/tests/vectors/callback-signature.json").read_text(encoding="utf-8"))

SECRET = "upcall-test-secret"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def binding(secret: str = SECRET, **changed) -> str:
    """What an example puts into the callback's body for what it permitted; by no code of theirs."""
    permission = {"bucket": "photos", "prefix": "uploads/eric/", "user": "eric", "expires": 9_999_999_999} | changed
    text = json.dumps({name: value for name, value in permission.items() if value is not None}, separators=(",", ":"))
    signed = "v1." + base64url(text.encode())
    key = hmac.digest(secret.encode(), b"upcall-binding-v1", "sha256")
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), 'sha256'))}"


BODY = (
    "bucket=photos&object=uploads%2Feric%2Fcat%20%26%20%E7%8C%AB.jpg&etag=D8E8FCA2DC0F896FD7CB4CB0031BA249"
    "&size=108904&mimeType=image%2Fjpeg&height=278&width=200&requestId={id}"
    "&binding=" + binding()
)
OBJECT = "uploads/eric/cat & 猫.jpg"


def throwaway(bits: int):
    pems = [key for key in VECTORS["throwaway_keys_for_tests"] if key["bits"] == bits]
    return serialization.load_pem_private_key(pems[0]["private_key_pkcs8_pem"].encode(), None)


OURS = throwaway(2048)
SMALL = throwaway(512)
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
#: With an exponent that makes room for cube roots.
THREE = rsa.generate_private_key(public_exponent=3, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())

#: What stands before an MD5 in a signature. Source: RFC 8017, 9.2, note 1.
MD5_DIGEST_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410")


def pem(key) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def private_pem(key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def string_to_sign(target: str, body: bytes) -> bytes:
    path, mark, query = target.partition("?")
    return urllib.parse.unquote_to_bytes(path) + (mark + query).encode() + b"\n" + body


def signature(key, text: bytes, algorithm=None) -> bytes:
    return key.sign(text, padding.PKCS1v15(), algorithm or hashes.MD5())


def power(key, block: bytes) -> bytes:
    """What the owner of the key gets who signs a block of his own making."""
    numbers = key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def cube_root(text: bytes) -> bytes:
    """Signs for an exponent of three without its key: the rest of the block is whatever it comes to.

    Source: D. Bleichenbacher, rump session of CRYPTO 2006.
    """
    block = b"\0\1" + b"\xff" * 8 + b"\0" + MD5_DIGEST_INFO + hashlib.md5(text).digest()
    wanted = int.from_bytes(block.ljust(256, b"\xff"), "big")
    low, high = 0, 1 << 700
    while low < high:  # the greatest number whose cube is not above what is wanted
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle - 1)
    assert (low**3).to_bytes(256, "big").startswith(block)
    return low.to_bytes(256, "big")


@dataclass
class Callback:
    """One request. What is changed after it was signed is the forger's."""

    key_url: str
    target: str
    body: bytes
    key: object = OURS
    method: str = "POST"
    headers: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self):
        self.headers = [
            ("Authorization", ""),
            ("Content-MD5", ""),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("User-Agent", "aliyun-oss-callback"),
            ("x-oss-bucket", "photos"),
            ("x-oss-pub-key-url", b64(self.key_url.encode())),
            ("x-oss-signature-version", "1.0"),
            ("x-oss-tag", "CALLBACK"),
        ]
        self.digest()
        self.sign(self.key)

    def get(self, name: str) -> str:
        return next(value for known, value in self.headers if known.lower() == name.lower())

    def has(self, name: str) -> bool:
        return any(known.lower() == name.lower() for known, _ in self.headers)

    def put(self, name: str, value: str) -> "Callback":
        self.headers = [(known, value if known.lower() == name.lower() else old) for known, old in self.headers]
        return self

    def drop(self, name: str) -> "Callback":
        self.headers = [(known, value) for known, value in self.headers if known.lower() != name.lower()]
        return self

    def add(self, name: str, value: str) -> "Callback":
        self.headers = [*self.headers, (name, value)]
        return self

    def digest(self) -> "Callback":
        return self.put("Content-MD5", b64(hashlib.md5(self.body).digest()))

    def sign(self, key, text: bytes | None = None, algorithm=None) -> "Callback":
        text = string_to_sign(self.target, self.body) if text is None else text
        return self.put("Authorization", b64(signature(key, text, algorithm)))

    def with_body(self, body: bytes) -> "Callback":
        self.body = body
        return self.digest()

    def aimed(self, target: str) -> "Callback":
        self.target = target
        return self

    def key_at(self, url: str, key=THEIRS) -> "Callback":
        """Points to `url` and signs with the forger's key, or as the function `key` does."""
        self.put("x-oss-pub-key-url", b64(url.encode("utf-8", "surrogateescape")))
        if callable(key):
            return self.put("Authorization", b64(key(string_to_sign(self.target, self.body))))
        return self.sign(key)

    def copy(self) -> "Callback":
        return copy.copy(self)
