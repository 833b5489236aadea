"""Where the public key of a callback's sender may come from.

Whoever sends the callback names the address, and whoever controls the address decides which
signatures are good. So the address is compared with a list, as text, before anything reads it as a
URL; an address in which two readers could see two hosts does not get that far.

Source: OSS, "Callback" (step 4: `x-oss-pub-key-url`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class PublicKeyUrl:
    """An address from which a key may be fetched; only `PublicKeyUrls.admit` makes it."""

    text: str

    @property
    def least_bits(self) -> int:
        """The smallest key that is taken from here.

        512 bits from OSS's two well-known addresses, as the one there has no more; 1,024 from any
        other.
        """
        return 512 if self.text in _OSS_KEYS else 1024

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PublicKeyUrls:
    """The addresses from which public keys are taken.

    >>> urls = PublicKeyUrls.oss().also("http://127.0.0.1:8700/callback_pub_key_*.pem")
    >>> urls.admit("http://127.0.0.1:8700/callback_pub_key_v1.pem").least_bits
    1024
    >>> urls.admit("http://gosspublic.alicdn.com@evil.example/callback_pub_key_v1.pem") is None
    True
    """

    entries: tuple[str, ...]

    def __post_init__(self) -> None:
        for entry in self.entries:
            _check_entry(entry)

    @classmethod
    def oss(cls) -> PublicKeyUrls:
        """OSS's own: all below `https://gosspublic.alicdn.com/`.

        Not by http: who is on the way could put a key there, and OSS's own has 512 bits only.
        """
        return cls((OSS,))

    @classmethod
    def none(cls) -> PublicKeyUrls:
        """None yet, for a receiver that serves its own storage server only."""
        return cls(())

    @classmethod
    def parse(cls, setting: str) -> PublicKeyUrls:
        """Those of a setting (`CALLBACK_KEY_URLS`), between spaces or commas, and no others.

        `oss` among them stands for OSS's own, which also counts where the setting is empty.
        """
        entries = setting.replace(",", " ").split()
        return cls(tuple(OSS if entry == "oss" else entry for entry in entries or ["oss"]))

    def also(self, entry: str) -> PublicKeyUrls:
        """One more.

        The whole address of a key; or with a final `/` all that begin with it; or with one `*`
        after its last `/` all that have letters, digits and `-` in that place. A server whose keys
        are rotated has them at `…/callback_pub_key_*.pem`. Do not list all of its addresses with
        `/`: objects are there, too, and whoever may upload could put a key among them.
        """
        return PublicKeyUrls((*self.entries, entry))

    def admit(self, url: str) -> PublicKeyUrl | None:
        """The address, if it is plain and listed."""
        if len(url) > MAX_BYTES or not _PLAIN.fullmatch(url):
            return None
        is_listed = any(_has(entry, url) for entry in self.entries)
        return PublicKeyUrl(url) if is_listed else None


def _has(entry: str, url: str) -> bool:
    if entry.endswith("/"):
        return url.startswith(entry)
    before, star, after = entry.partition("*")
    if not star:
        return url == entry
    pattern = re.escape(before) + "[A-Za-z0-9-]+" + re.escape(after)
    return re.fullmatch(pattern, url) is not None


def _check_entry(entry: str) -> None:
    if entry.endswith("/"):
        example = entry + "key.pem"
    else:
        before, star, after = entry.partition("*")
        example = before + "x" + after if star and "/" not in after else entry
    if len(entry) > MAX_BYTES or not _PLAIN.fullmatch(example):
        raise ValueError(
            f"{entry!r} is no address of keys: write `http(s)://host[:port]/path` in plain letters,"
            " with a final `/`, or with one `*` after the last `/`"
        )


# No user-info, backslash, percent sign, query or fragment, nothing invisible, and no path that
# means another. `fullmatch`, since `$` would also match before a final line feed.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")

# With the final slash, without which `gosspublic.alicdn.com.evil.example` would pass.
OSS = "https://gosspublic.alicdn.com/"
_OSS_KEYS = (
    "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
    OSS + "callback_pub_key_v1.pem",
)

# OSS's own address has 53.
MAX_BYTES = 1024
