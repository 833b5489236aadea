"""The RSA key that a callback is signed with: its public half.

There is no dependency behind this file. OSS signs with MD5 and a key of 512 bits, and both are on
their way out of crypto libraries: `cryptography` still takes them, in a process under FIPS rules
it does not, and each of its releases may end that. A public operation holds no secret and wants no
constant time: it is one `pow`, and a comparison of the whole padded block, so that nothing is
parsed that an attacker could have written.

Source: RFC 8017 (RSASSA-PKCS1-v1_5, 8.2.2 and 9.2), RFC 5280 (SubjectPublicKeyInfo); OSS,
"Callback" (step 4).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass


class InvalidPublicKey(ValueError):
    """A text is no RSA public key of 512 to 4,096 bits."""


@dataclass(frozen=True)
class PublicKey:
    """An RSA public key of 512 to 4,096 bits.

    512, which can be factored for the price of a meal, because OSS's own key has no more;
    `CallbackVerifier` takes so small a key from OSS's own addresses only.
    """

    modulus: int
    exponent: int

    def __post_init__(self) -> None:
        has_size = MIN_BITS <= self.modulus.bit_length() <= MAX_BITS
        # Larger exponents only cost time, and nobody makes such keys.
        if (
            not has_size
            or self.modulus % 2 == 0
            or self.exponent % 2 == 0
            or not 3 <= self.exponent < 2**33
        ):
            raise InvalidPublicKey(
                "the RSA key has not 512 to 4,096 bits, or its numbers cannot be a key's"
            )

    @classmethod
    def from_pem(cls, pem: str | bytes) -> PublicKey:
        """Reads `-----BEGIN PUBLIC KEY-----`."""
        text = pem.decode("latin-1") if isinstance(pem, bytes) else pem
        found = _PEM.fullmatch(text.strip())
        if len(text) > MAX_PEM_BYTES or found is None:
            raise InvalidPublicKey("this is not a PEM block `-----BEGIN PUBLIC KEY-----`")
        try:
            der = base64.b64decode("".join(found[1].split()), validate=True)
        except binascii.Error:
            raise InvalidPublicKey("the PEM block is not base64") from None
        return cls(*_numbers(der))

    @property
    def bits(self) -> int:
        """How many bits the modulus has."""
        return self.modulus.bit_length()

    def verifies_md5(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, under the MD5 of `message`."""
        length = (self.bits + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != length or number >= self.modulus:
            return False
        block = pow(number, self.exponent, self.modulus).to_bytes(length, "big")
        return block == md5_block(message, length)


def md5_block(message: bytes, length: int) -> bytes:
    """What is signed for `message`: its MD5, told what it is, padded to `length` bytes."""
    # Not for security's sake: the protocol says MD5, and this keeps FIPS builds from refusing it.
    info = MD5_DIGEST_INFO + hashlib.md5(message, usedforsecurity=False).digest()
    return b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info


def _numbers(der: bytes) -> tuple[int, int]:
    """Modulus and exponent of a SubjectPublicKeyInfo."""
    info, rest = _read(der, 0x30)
    algorithm, bits = _read(info, 0x30)
    key, after = _read(bits, 0x03)
    if rest or after or algorithm != _RSA or key[:1] != b"\x00":
        raise InvalidPublicKey("the PEM block does not hold an RSA public key")
    numbers, after = _read(key[1:], 0x30)
    modulus, exponent = _read(numbers, 0x02)
    exponent, more = _read(exponent, 0x02)
    if after or more:
        raise InvalidPublicKey("the PEM block does not hold an RSA public key")
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def _read(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the value that `der` begins with, and what follows it."""
    head, length = 2, der[1] if len(der) > 1 else 0
    if length in (0x81, 0x82):
        head = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:head], "big")
    elif length > 0x7F:
        length = len(der)
    if der[:1] != bytes([tag]) or head + length > len(der):
        raise InvalidPublicKey("the PEM block does not hold an RSA public key")
    return der[head : head + length], der[head + length :]


_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)\s-----END PUBLIC KEY-----")
# rsaEncryption, without parameters.
_RSA = bytes.fromhex("06092a864886f70d0101010500")
# What stands before an MD5. Source: RFC 8017, 9.2, note 1.
MD5_DIGEST_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410")

MIN_BITS, MAX_BITS = 512, 4096
# Far more than a key of 4,096 bits takes (800 bytes).
MAX_PEM_BYTES = 16 * 1024
