"""Is the object there, as the callback says?

A HEAD request, for applications that a binding is not enough for: it proves that an upload was
permitted, not that it happened.

Source: OSS, "Signature version 4: in a URL".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from .signed_policy import sign_v4


def presign_head(
    access_key_id: str,
    access_key_secret: str,
    *,
    region: str,
    host: str,
    bucket: str,
    key: str,
    security_token: str | None = None,
    now: datetime | None = None,
) -> str:
    """An address to send HEAD to, signed with V4 and good for a minute.

    `host` is the bucket's address, as in a signed policy. Follow no redirects.
    """
    date = f"{(now or datetime.now(timezone.utc)).astimezone(timezone.utc):%Y%m%dT%H%M%SZ}"
    scope = [date[:8], region, "oss", "aliyun_v4_request"]
    query = [
        ("x-oss-credential", "/".join([access_key_id, *scope])),
        ("x-oss-date", date),
        ("x-oss-expires", str(EXPIRES_SECONDS)),
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
    ]
    if security_token is not None:
        query.insert(3, ("x-oss-security-token", security_token))
    parameters = "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    path = quote(key, safe="/")
    request = f"HEAD\n/{quote(bucket)}/{path}\n{parameters}\n\n\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["OSS4-HMAC-SHA256", date, "/".join(scope), digest])
    signature = sign_v4(access_key_secret, scope, text)
    return f"{host.removesuffix('/')}/{path}?{parameters}&x-oss-signature={signature}"


def upload_mismatch(
    status: int, headers: Mapping[str, str], *, size: int, etag: str
) -> str | None:
    """What of the answer to HEAD is not as the callback said, in a sentence; None if all is.

    `headers` is a mapping with names in any case, such as `response.headers`.
    """
    if status == 404:
        return "there is no such object"
    if status != 200:
        return f"the storage server answered {status}"
    found = {name.lower(): value for name, value in headers.items()}
    if found.get("content-length") != str(size):
        return "the object has another size"
    is_same = found.get("etag", "").strip('"').upper() == etag.upper()
    return None if is_same else "the object has another ETag"


EXPIRES_SECONDS = 60
