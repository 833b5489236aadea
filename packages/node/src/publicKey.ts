/** An RSA public key that verifies callbacks. */
import { constants, createHash, createPublicKey, type KeyObject, publicDecrypt } from "node:crypto";

/** An RSA public key of 512 to 4,096 bits. */
export class PublicKey {
  readonly #key: KeyObject;
  /** How many bits the modulus has. */
  readonly bits: number;

  private constructor(key: KeyObject, bits: number) {
    this.#key = key;
    this.bits = bits;
  }

  /**
   * Reads `-----BEGIN PUBLIC KEY-----`.
   *
   * @throws {TypeError} Says what the text is instead.
   */
  static fromPem(pem: string): PublicKey {
    // Node would also take a certificate, or a private key and derive the public one.
    const block = /^-----BEGIN PUBLIC KEY-----\s[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----$/.exec(
      pem.trim(),
    );
    if (block === null) throw new TypeError("this is not a PEM block `-----BEGIN PUBLIC KEY-----`");
    let key: KeyObject;
    try {
      key = createPublicKey({ key: block[0], format: "pem" });
    } catch (cause) {
      throw new TypeError("the PEM block does not hold a public key", { cause });
    }
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType !== "rsa")
      throw new TypeError("the PEM block does not hold an RSA public key");
    // A large exponent makes verifying slow; with an even one, or with 1, it verifies nothing.
    const isExponent =
      publicExponent >= 3n && publicExponent < 1n << 33n && publicExponent % 2n === 1n;
    if (modulusLength < 512 || modulusLength > 4096 || !isExponent) {
      throw new TypeError(
        "the RSA key has not 512 to 4,096 bits, or its numbers cannot be a key's",
      );
    }
    return new PublicKey(key, modulusLength);
  }

  /** Whether this is the key's signature (RSASSA-PKCS1-v1_5) under the MD5 of `message`. */
  verifyMd5(message: Uint8Array, signature: Uint8Array): boolean {
    const length = Math.ceil(this.bits / 8);
    if (signature.length !== length) return false;
    let block: Buffer;
    try {
      // The bare power, and the whole block compared: `crypto.verify` does the same, but builds of
      // OpenSSL with a stricter policy refuse it MD5 or a key of 512 bits, and this they do not.
      block = publicDecrypt({ key: this.#key, padding: constants.RSA_NO_PADDING }, signature);
    } catch {
      // The number is not below the modulus.
      return false;
    }
    const info = md5DigestInfo(message);
    const fill = Buffer.alloc(length - info.length - 3, 0xff);
    return block.equals(Buffer.concat([Buffer.of(0, 1), fill, Buffer.of(0), info]));
  }
}

/** The DigestInfo that is signed: what the digest is, and the digest. Source: RFC 8017, 9.2, note 1. */
export function md5DigestInfo(message: Uint8Array): Buffer {
  const digest = createHash("md5").update(message).digest();
  return Buffer.concat([Buffer.from("3020300c06082a864886f70d020505000410", "hex"), digest]);
}
