"""The forgeries, the same for every language. Each is made of a genuine callback.

In capitals: OWN is where the genuine key lies (`host:port`), TRAP where the forger listens, NOBODY
where nobody does.
"""

from cryptography.hazmat.primitives import hashes

from callbacks import OURS, SMALL, THEIRS, Callback, b64, signature, string_to_sign

KEY = "callback_pub_key_v1.pem"


def real(callback: Callback) -> bytes:
    return signature(OURS, string_to_sign(callback.target, callback.body))


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
}

SIGNATURES = {
    "no signature": lambda c: c.drop("Authorization"),
    "an empty signature": lambda c: c.put("Authorization", ""),
    "a short signature": lambda c: c.put("Authorization", b64(real(c)[:-1])),
    "a long signature": lambda c: c.put("Authorization", b64(b"\0" + real(c))),
    "a signature of zeros": lambda c: c.put("Authorization", b64(bytes(256))),
    "a signature of one": lambda c: c.put("Authorization", b64(bytes(255) + b"\1")),
    "a signature that is no base64": lambda c: c.put("Authorization", "Bearer !"),
    "two signatures": lambda c: c.add("Authorization", b64(real(c))),
    "another's signature": lambda c: c.sign(THEIRS),
    "a signature over SHA-256": lambda c: c.sign(OURS, None, hashes.SHA256()),
    "the digest of another body": lambda c: c.put("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    "another signature version": lambda c: c.put("x-oss-signature-version", "2.0"),
}

KEY_URL_HEADERS = {
    "no key url": lambda c: c.drop("x-oss-pub-key-url"),
    "a key url that is no base64": lambda c: c.put("x-oss-pub-key-url", c.key_url),
    "a second key url": lambda c: c.add("x-oss-pub-key-url", b64(b"http://evil.example/k.pem")).sign(THEIRS),
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
}

#: An address that is allowed, and a key that proves nothing.
USELESS_KEYS = {
    "512 bits": ("http://OWN/keys/small.pem", SMALL),
    "512 bits at another address of OSS": ("http://gosspublic.alicdn.com/callback_pub_key_v2.pem", SMALL),
    "another key": (f"http://OWN/{KEY}", THEIRS),
}
