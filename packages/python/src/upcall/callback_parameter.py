"""What an upload asks of its callback: where to call, and what to say.

Every rule of the protocol that can be judged without the network holds in a `CallbackParameter`,
so that a mistake shows where it is made and not as a refused upload.

Source: OSS, "Callback" (step 1).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class CallbackParameter:
    """A callback to `url`, with `body` as its template.

    `url` may be a list of up to five addresses, each tried when the one before it failed. `host` is
    the value of `Host`, if not that of the address. With `sni`, TLS names the host in its first
    message, which most servers with several names need.

    >>> CallbackParameter("https://app.example/uploaded", "object=${object}").encode()[:16]
    'eyJjYWxsYmFja1Vy'
    """

    url: str | Sequence[str]
    body: str
    body_type: str = FORM
    host: str | None = None
    sni: bool = False

    def __post_init__(self) -> None:
        urls = self._urls()
        if not 1 <= len(urls) <= MAX_URLS:
            raise ValueError(f"a callback has 1 to {MAX_URLS} addresses, not {len(urls)}")
        for number, url in enumerate(urls, 1):
            _check_url(number, url)
        if self.host is not None:
            _check_authority(self.host, "the callback's `host`")
        if self.body_type not in (FORM, JSON):
            raise ValueError(f"`body_type` must be `{FORM}` or `{JSON}`")
        _check_template(self.body)
        length = len(self.encode())
        if length > MAX_BASE64_BYTES:
            raise ValueError(
                f"the callback is {length} bytes long as base64; it may have {MAX_BASE64_BYTES}"
            )

    def to_json(self) -> str:
        """The parameter as JSON."""
        members: dict[str, str | bool] = {"callbackUrl": ";".join(self._urls())}
        if self.host is not None:
            members["callbackHost"] = self.host
        members["callbackBody"] = self.body
        members["callbackBodyType"] = self.body_type
        if self.sni:
            members["callbackSNI"] = True
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))

    def encode(self) -> str:
        """The parameter as a form field, a header or a query parameter carries it."""
        return base64.b64encode(self.to_json().encode()).decode()

    def _urls(self) -> list[str]:
        return self.url.split(";") if isinstance(self.url, str) else list(self.url)


def _check_url(number: int, url: str) -> None:
    what = f"address {number} of the callback"
    # A `;` would end the address, and the rest would be called next.
    if not re.fullmatch(r"[!-~]+", url) or re.search(r'["#<>\\`;]', url):
        raise ValueError(f"{what} holds a character that must be percent-encoded or left out")
    scheme, mark, rest = url.partition("://")
    if mark and not re.search(r"[/?]", scheme):
        if scheme.lower() not in ("http", "https"):
            raise ValueError(f"{what} has a scheme that is neither `http` nor `https`")
        url = rest
    _check_authority(re.split(r"[/?]", url, maxsplit=1)[0], what)


def _check_authority(authority: str, what: str) -> None:
    host, colon, port = authority.partition(":")
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(f"{what} has a host that is neither a name nor an IPv4 address")
    if colon and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise ValueError(f"{what} has a port that is not a number from 1 to 65535")


def _check_template(text: str) -> None:
    if not text:
        raise ValueError("give the callback's `body` a text, such as `object=${object}`")
    if re.search(r"\$\([\w:.-]+\)", text):
        raise ValueError("in the callback's `body`, write `${name}` instead of `$(name)`")
    for after in text.split("${")[1:]:
        if not _NAME.match(after):
            raise ValueError(
                "the callback's `body` opens a `${` that is not closed after a variable's name"
            )


_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_NAME = re.compile(r'[^\s\x00-\x1f\x7f"$&,={}]*\}')

MAX_URLS = 5
# Base64, as the field carries it. Source: OSS, "Callback".
MAX_BASE64_BYTES = 5120
