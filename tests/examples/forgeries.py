"""The forgeries, the same for every language. Each is made of a genuine callback.

In capitals: OWN is where the genuine key lies (`host:port`), TRAP where the forger listens, NOBODY
where nobody does.
"""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from callbacks import MD5_DIGEST_INFO, OURS, SMALL, THEIRS, THREE, Callback, b64, binding, cube_root, power, signature, string_to_sign

KEY = "callback_pub_key_v1.pem"


def real(callback: Callback) -> bytes:
    return signature(OURS, text(callback))


def text(callback: Callback) -> bytes:
    return string_to_sign(callback.target, callback.body)


def encoded(callback: Callback, *infos: bytes) -> bytes:
    """Signed by the genuine key, with these in the block instead of an MD5 that says what it is."""
    rest = b"".join(infos)
    return power(OURS, b"\0\1" + b"\xff" * (253 - len(rest)) + b"\0" + rest)


def md5(callback: Callback) -> bytes:
    return hashlib.md5(text(callback)).digest()


def plus_modulus(callback: Callback) -> bytes:
    """The same number to whoever only looks at the rest of a division."""
    return (int.from_bytes(real(callback), "big") + OURS.public_key().public_numbers().n).to_bytes(257, "big").removeprefix(b"\0")


#: What was signed is not what arrived.
CHANGED = {
    "a byte of the body": lambda c: c.with_body(c.body.replace(b"size=108904", b"size=108905")),
    "a byte of the body, under the old digest": lambda c: setattr(c, "body", c.body.replace(b"108904", b"108905")),
    "more body": lambda c: c.with_body(c.body + b"&user=admin"),
    "less body": lambda c: c.with_body(c.body[:-1]),
    "no body": lambda c: c.with_body(b""),
    "a body that was read and written anew": lambda c: c.with_body(c.body.replace(b"%20", b"+")),
    "a body in lower-case hex": lambda c: c.with_body(c.body.replace(b"%2F", b"%2f")),
    "the query changed": lambda c: c.sign(OURS, string_to_sign(c.target.replace("a=1", "a=2"), c.body)),
    "the query reordered": lambda c: c.sign(OURS, string_to_sign("/callback?b=x%2Fy&a=1", c.body)),
    "the query re-encoded": lambda c: c.sign(OURS, string_to_sign("/callback?a=1&b=x/y", c.body)),
    "the query lost": lambda c: c.sign(OURS, string_to_sign("/callback", c.body)),
    "the path changed": lambda c: c.sign(OURS, string_to_sign(c.target.replace("/callback", "/other"), c.body)),
    "the body alone signed": lambda c: c.sign(OURS, c.body),
    "the host signed, too": lambda c: c.sign(OURS, b"http://127.0.0.1" + text(c)),
    "no line break signed": lambda c: c.sign(OURS, text(c).replace(b"\n", b"", 1)),
    "a line feed behind the body": lambda c: c.with_body(c.body + b"\n").sign(OURS, text(c)[:-1]),
    "the query decoded": lambda c: c.sign(OURS, text(c).replace(b"%2F", b"/", 1)),
}

#: Signed for us, and on its way aimed elsewhere: to the application, that is another address (404).
AIMED = {
    "a query reordered on the way": "/callback?b=x%2Fy&a=1",
    "a query re-encoded on the way": "/callback?a=1&b=x/y",
    "a query in lower-case hex": "/callback?a=1&b=x%2fy",
    "a query lost on the way": "/callback",
    "a query with more": "/callback?a=1&b=x%2Fy&c=3",
    "a query with less": "/callback?a=1",
    "a path re-encoded on the way": "/%63allback?a=1&b=x%2Fy",
    "an encoded question mark": "/callback%3Fa=1&b=x%2Fy",
    "a slash more": "/callback/?a=1&b=x%2Fy",
    "a path around": "/other/../callback?a=1&b=x%2Fy",
    "parameters of the path": "/callback;a=1?a=1&b=x%2Fy",
}

SIGNATURES = {
    "no signature": lambda c: c.drop("Authorization"),
    "an empty signature": lambda c: c.put("Authorization", ""),
    "a short signature": lambda c: c.put("Authorization", b64(real(c)[:-1])),
    "a long signature": lambda c: c.put("Authorization", b64(b"\0" + real(c))),
    "a signature of zeros": lambda c: c.put("Authorization", b64(bytes(256))),
    "a signature of one": lambda c: c.put("Authorization", b64(bytes(255) + b"\1")),
    "a signature of ones": lambda c: c.put("Authorization", b64(b"\xff" * 256)),
    "a signature that is the modulus": lambda c: c.put("Authorization", b64(OURS.public_key().public_numbers().n.to_bytes(256, "big"))),
    "a signature and the modulus": lambda c: c.put("Authorization", b64(plus_modulus(c))),
    "a signature of one byte": lambda c: c.put("Authorization", b64(b"\1")),
    "a signature of 4 KiB": lambda c: c.put("Authorization", b64(bytes(3072) + real(c))),
    "a signature that is no base64": lambda c: c.put("Authorization", "Bearer !"),
    "a signature without padding": lambda c: c.put("Authorization", b64(real(c)).rstrip("=")),
    "a signature with a blank in it": lambda c: c.put("Authorization", f"{b64(real(c))[:8]} {b64(real(c))[8:]}"),
    "a signature in the alphabet of URLs": lambda c: c.put("Authorization", "-_" + b64(real(c))[2:]),
    "a signature with a scheme": lambda c: c.put("Authorization", f"OSS {b64(real(c))}"),
    "a signature with a tail": lambda c: c.put("Authorization", f"{b64(real(c))}AAAA"),
    "two signatures": lambda c: c.add("Authorization", b64(real(c))),
    "two signatures, the first another's": lambda c: c.sign(THEIRS).add("authorization", b64(real(c))),
    "two signatures with a comma": lambda c: c.put("Authorization", f"{b64(real(c))}, {b64(real(c))}"),
    "another's signature": lambda c: c.sign(THEIRS),
    "a signature over SHA-256": lambda c: c.sign(OURS, None, hashes.SHA256()),
    "a signature over SHA-1": lambda c: c.sign(OURS, None, hashes.SHA1()),
    "a signature of the other padding": lambda c: c.put("Authorization", b64(
        OURS.sign(text(c), padding.PSS(padding.MGF1(hashes.MD5()), 16), hashes.MD5()))),
    "a bare MD5 signed": lambda c: c.put("Authorization", b64(encoded(c, md5(c)))),
    "an MD5 said to be SHA-1": lambda c: c.put("Authorization", b64(encoded(c, bytes.fromhex("3021300906052b0e03021a05000414"), md5(c), bytes(4)))),
    "bytes behind the MD5": lambda c: c.put("Authorization", b64(encoded(c, MD5_DIGEST_INFO, md5(c), bytes(8)))),
    "the digest of another body": lambda c: c.put("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    "an empty digest": lambda c: c.put("Content-MD5", ""),
    "a digest in hex": lambda c: c.put("Content-MD5", hashlib.md5(c.body).hexdigest()),
    "two digests": lambda c: c.add("content-md5", c.get("Content-MD5")),
    "another signature version": lambda c: c.put("x-oss-signature-version", "2.0"),
    "an empty signature version": lambda c: c.put("x-oss-signature-version", ""),
    "two signature versions": lambda c: c.add("X-OSS-Signature-Version", "1.0"),
}

KEY_URL_HEADERS = {
    "no key url": lambda c: c.drop("x-oss-pub-key-url"),
    "a key url that is no base64": lambda c: c.put("x-oss-pub-key-url", c.key_url),
    "an empty key url": lambda c: c.put("x-oss-pub-key-url", ""),
    "a key url with more padding": lambda c: c.put("x-oss-pub-key-url", c.get("x-oss-pub-key-url") + "="),
    "a key url with a tail": lambda c: c.put("x-oss-pub-key-url", c.get("x-oss-pub-key-url") + "!"),
    "two key urls that are one": lambda c: c.add("X-OSS-Pub-Key-Url", c.get("x-oss-pub-key-url")),
    "a second key url": lambda c: c.add("x-oss-pub-key-url", b64(b"http://evil.example/k.pem")).sign(THEIRS),
}

def without(body: str) -> str:
    return body.rpartition("&binding=")[0]


def rebound(*secret: str, **changed):
    return lambda body: f"{without(body)}&binding={binding(*secret, **changed)}"


#: Genuine signatures over what somebody else made up: the application did not permit it.
BOUND = {
    "no binding": without,
    "an empty binding": lambda body: without(body) + "&binding=",
    "another secret": rebound("another secret of 30 bytes ..."),
    "no secret": rebound(""),
    "another user's binding": rebound(prefix="uploads/mallory/", user="mallory"),
    "a folder that begins alike": rebound(prefix="uploads/eric2/"),
    "another key": rebound(prefix=None, key="uploads/eric/dog.jpg"),
    "one key and a prefix": rebound(key="uploads/eric/"),
    "another bucket's binding": rebound(bucket="videos"),
    "another bucket": lambda body: body.replace("bucket=photos", "bucket=videos"),
    "a key outside of the prefix": lambda body: body.replace("uploads%2Feric", "uploads%2Fmary"),
    "no object": lambda body: body.replace("object=", "subject="),
    "an empty object": lambda body: body.replace("object=uploads%2Feric%2Fcat%20%26%20%E7%8C%AB.jpg", "object="),
    "an expired binding": rebound(expires=1_700_000_000),
    "an end that is no number": rebound(expires="9999999999"),
    "another permission under the MAC": lambda body: without(body) + "&binding=" + ".".join(
        [*binding(prefix="").split(".")[:2], binding().split(".")[2]]),
    "another version": lambda body: body.replace("&binding=v1.", "&binding=v2."),
    "a cut MAC": lambda body: body[:-1],
    "padding": lambda body: body + "=",
    "a binding in other letters": lambda body: body.replace("&binding=", "&Binding="),
}

#: Where the forger's key lies, if the address is read loosely. Each is signed with it.
LOOK_ALIKES = {
    "the forger's own": f"http://TRAP/{KEY}",
    "user-info": f"http://OWN@TRAP/{KEY}",
    "user-info of OSS": f"http://gosspublic.alicdn.com:80@TRAP/{KEY}",
    "a suffix": f"http://gosspublic.alicdn.com.evil.example/{KEY}",
    "a prefix": f"http://evilgosspublic.alicdn.com/{KEY}",
    "another port": f"http://gosspublic.alicdn.com:8080/{KEY}",
    "a backslash": f"http://gosspublic.alicdn.com\\@evil.example/{KEY}",
    "a backslash before": f"http://evil.example\\gosspublic.alicdn.com/{KEY}",
    "a percent sign": f"http://gosspublic.alicdn.com%2F@evil.example/{KEY}",
    "an encoded dot": f"http://gosspublic.alicdn.com%2eevil.example/{KEY}",
    "a fragment": f"http://evil.example/#http://gosspublic.alicdn.com/{KEY}",
    "a query": f"http://evil.example/{KEY}?http://gosspublic.alicdn.com/",
    "in the path": f"http://evil.example/http://gosspublic.alicdn.com/{KEY}",
    "a line break": f"http://gosspublic.alicdn.com/{KEY}\r\nHost: evil.example",
    "a blank before": f" http://evil.example/{KEY}",
    "no scheme": f"//evil.example/{KEY}",
    "another scheme": f"https://OWN/{KEY}",
    "a file": "file:///etc/passwd",
    "dots": f"http://OWN/keys/../{KEY}",
    "deeper": f"http://OWN/{KEY}/photos/evil.pem",
    "a longer port": f"http://OWN0/{KEY}",
    "a folder that begins alike": "http://OWN/keysevil/k.pem",
    "the folder": "http://OWN/keys/",
    "encoded dots": f"http://OWN/keys/%2e%2e/photos/{KEY}",
    "a dot behind the host": f"http://evil.example./{KEY}",
    "a number for a host": f"http://2130706433:80/{KEY}",
    "an @ in the path": f"http://gosspublic.alicdn.com/@evil.example/{KEY}",
    "a password": f"http://gosspublic.alicdn.com:k@evil.example/{KEY}",
    "a tab before the host": f"http://\tevil.example/{KEY}",
    "three slashes": f"http:///evil.example/{KEY}",
    "backslashes": f"http:\\\\evil.example/{KEY}",
    "no slashes": f"http:evil.example/{KEY}",
    "two addresses": f"http://OWN/{KEY} http://evil.example/{KEY}",
    "an address and a comma": f"http://OWN/{KEY},http://evil.example/{KEY}",
    "a full stop of another script": f"http://gosspublic.alicdn.com。evil.example/{KEY}",
    "a slash of another script": f"http://gosspublic.alicdn.com／@evil.example/{KEY}",
    "a letter of another script": f"http://gоsspublic.alicdn.com/{KEY}",
    "no text": "http://gosspublic.alicdn.com/\udcff\udcfe.pem",
    "a zero byte": f"http://evil.example/\0.gosspublic.alicdn.com/{KEY}",
    "data": "data:application/x-pem-file,-----BEGIN PUBLIC KEY-----",
    "gopher": f"gopher://OWN/_{KEY}",
    "beyond measure": "http://gosspublic.alicdn.com/" + "a" * 4000,
    "segments beyond measure": "http://gosspublic.alicdn.com" + "/a" * 2000,
}

#: The genuine address, spelled otherwise: who reads it loosely has the genuine key, and accepts.
RESPELLED = {
    "a line feed behind": f"http://OWN/{KEY}\n",
    "a blank behind": f"http://OWN/{KEY} ",
    "a zero byte behind": f"http://OWN/{KEY}\0",
    "upper case": f"HTTP://OWN/{KEY}",
    "an empty query": f"http://OWN/{KEY}?",
    "a query behind": f"http://OWN/{KEY}?a=1",
    "a fragment behind": f"http://OWN/{KEY}#a",
    "empty user-info": f"http://@OWN/{KEY}",
    "two slashes": f"http://OWN//{KEY}",
    "an encoded letter": "http://OWN/callback%5Fpub_key_v1.pem",
    "a dot": f"http://OWN/./{KEY}",
    "by way of a folder": f"http://OWN/keys/../{KEY}",
    "another name of the host": f"http://localhost:PORT/{KEY}",
}

#: An address that is allowed, and no key can be had from it. That may pass, so the answer is 503: after a
#: 4xx nobody calls again.
NO_KEY = {
    "redirected": ("http://OWN/keys/redirected.pem", THEIRS),
    "redirected to the genuine one": ("http://OWN/keys/moved.pem", OURS),
    "down": ("http://NOBODY/keys/down.pem", THEIRS),
    "not found": ("http://OWN/keys/none.pem", THEIRS),
    "no key": ("http://OWN/keys/garbage.pem", THEIRS),
    "endless": ("http://OWN/keys/huge.pem", OURS),
    "empty": ("http://OWN/keys/empty.pem", OURS),
    "half of it": ("http://OWN/keys/half.pem", OURS),
    "a byte at a time": ("http://OWN/keys/slow.pem", OURS),
    "with an error": ("http://OWN/keys/error.pem", OURS),
    "created": ("http://OWN/keys/created.pem", OURS),
    "a part": ("http://OWN/keys/part.pem", OURS),
    "a private key": ("http://OWN/keys/private.pem", OURS),
    "a key of another kind": ("http://OWN/keys/elliptic.pem", OURS),
}

#: An address that is allowed, and a key that proves nothing.
USELESS_KEYS = {
    "512 bits": ("http://OWN/keys/small.pem", SMALL),
    "512 bits at another address of OSS": ("http://gosspublic.alicdn.com/callback_pub_key_v2.pem", SMALL),
    "another key": (f"http://OWN/{KEY}", THEIRS),
    "another key of the same server": ("http://OWN/keys/three.pem", THEIRS),
    "the exponent of three, and a cube root": ("http://OWN/keys/three.pem", cube_root),
}
