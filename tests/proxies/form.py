"""An upload form, signed here, with the policy and callback that a test asks for."""

import base64
import hmac
import json
from datetime import datetime, timedelta, timezone

BOUNDARY = "form-of-the-proxy-tests"


def signed_fields(key_id: str, secret: str, callback: dict | None = None, prefix: str = "user/") -> dict:
    document = {
        "expiration": (datetime.now(timezone.utc) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [["starts-with", "$key", prefix], ["content-length-range", 0, 1 << 30]],
    }
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    signature = base64.b64encode(hmac.digest(secret.encode(), policy.encode(), "sha1")).decode()
    fields = {
        "policy": policy,
        "OSSAccessKeyId": key_id,
        "signature": signature,
        "success_action_status": "200",
    }
    if callback is not None:
        fields["callback"] = base64.b64encode(json.dumps(callback).encode()).decode()
    return fields


def binding(bucket: str, secret: str, prefix: str = "", user: str = "eric") -> str:
    """What an application permits, as the documentation describes it, made without upcall's code."""
    expires = datetime.now(timezone.utc) + timedelta(minutes=5)
    permission = {"bucket": bucket, "prefix": prefix, "user": user, "expires": int(expires.timestamp())}
    text = "v1." + _unpadded(json.dumps(permission, separators=(",", ":")).encode())
    key = hmac.digest(secret.encode(), b"upcall-binding-v1", "sha256")
    return f"{text}.{_unpadded(hmac.digest(key, text.encode(), 'sha256'))}"


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def as_curl(fields: dict, file: str) -> list[str]:
    texts = [word for name, value in fields.items() for word in ("-F", f"{name}={value}")]
    return [*texts, "-F", f"file=@{file}"]


def as_body(fields: dict, file: bytes) -> tuple[dict, bytes]:
    """The headers, and the body up to and with the file; `END` follows."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + file
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(body) + len(END)),
    }
    return headers, body


END = f"\r\n--{BOUNDARY}--\r\n".encode()
