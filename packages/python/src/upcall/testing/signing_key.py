"""A key that signs callbacks in tests. Made anew each time, so none can be left behind in a list.

Not for anything else: plain integers take a time that depends on the key.

Source: RFC 8017 (RSASSA-PKCS1-v1_5); FIPS 186-5, B.3 (Miller-Rabin).
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

from ..public_key import PublicKey, md5_block


@dataclass(frozen=True)
class SigningKey:
    """An RSA key; `SigningKey.generate` makes one."""

    public: PublicKey
    _private: int = field(repr=False)

    @classmethod
    def generate(cls, bits: int = 1024) -> SigningKey:
        """A new key. 1,024 bits are what a verifier wants, and take a tenth of a second."""
        while True:
            p, q = _prime(bits // 2), _prime(bits - bits // 2)
            order = (p - 1) * (q - 1)
            if p != q and order % EXPONENT != 0:
                return cls(PublicKey(p * q, EXPONENT), pow(EXPONENT, -1, order))

    def sign_md5(self, message: bytes) -> bytes:
        """The signature under the MD5 of `message`."""
        length = (self.public.bits + 7) // 8
        block = int.from_bytes(md5_block(message, length), "big")
        return pow(block, self._private, self.public.modulus).to_bytes(length, "big")

    def public_pem(self) -> bytes:
        """The public half, as a storage server serves it."""
        numbers = _value(0x30, _integer(self.public.modulus) + _integer(self.public.exponent))
        algorithm = _value(0x30, bytes.fromhex("06092a864886f70d0101010500"))
        info = base64.encodebytes(_value(0x30, algorithm + _value(0x03, b"\x00" + numbers)))
        return b"-----BEGIN PUBLIC KEY-----\n" + info + b"-----END PUBLIC KEY-----\n"


def _prime(bits: int) -> int:
    while True:
        # The two highest bits are set, so that the product of two has all its bits.
        number = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if all(number % small for small in _SMALL) and _is_probably_prime(number):
            return number


def _is_probably_prime(number: int) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def _integer(number: int) -> bytes:
    # One byte more where the first bit is set: it would be a sign.
    return _value(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _value(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


EXPONENT = 65537
_SMALL = [
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
    41,
    43,
    47,
    53,
    59,
    61,
    67,
    71,
    73,
    79,
    83,
    89,
    97,
]
