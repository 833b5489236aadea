/**
 * HMAC with SHA-1 and SHA-256.
 *
 * By WebCrypto where there is one. A page on plain `http` (a phone that opens `upcall dev --lan`) has
 * none, and digests by itself: FIPS 180-4, RFC 2104.
 */

export type Hash = "SHA-1" | "SHA-256";

type Bytes = Uint8Array<ArrayBuffer>;

export async function hmac(
  hash: Hash,
  key: Bytes,
  message: Bytes,
  subtle: SubtleCrypto | null = crypto.subtle ?? null,
): Promise<Bytes> {
  if (subtle === null) return hmacWith(hash === "SHA-1" ? sha1 : sha256, key, message);
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
}

const BLOCK_BYTES = 64;

function hmacWith(digest: (message: Bytes) => Bytes, key: Bytes, message: Bytes): Bytes {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? digest(key) : key);
  const inner = digest(joined(block.map((byte) => byte ^ 0x36), message));
  return digest(joined(block.map((byte) => byte ^ 0x5c), inner));
}

function joined(first: Bytes, second: Bytes): Bytes {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function sha1(message: Bytes): Bytes {
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (const words of blocksOf(message, 80)) {
    for (let at = 16; at < 80; at += 1) {
      words[at] = left(word(words, at - 3) ^ word(words, at - 8) ^ word(words, at - 14) ^ word(words, at - 16), 1);
    }
    let [a, b, c, d, e] = state as [number, number, number, number, number];
    for (let at = 0; at < 80; at += 1) {
      const [mixed, constant] =
        at < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : at < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : at < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = left(a, 5) + mixed + e + constant + word(words, at);
      [a, b, c, d, e] = [next | 0, a, left(b, 30), c, d];
    }
    add(state, [a, b, c, d, e]);
  }
  return bytesOf(state);
}

function sha256(message: Bytes): Bytes {
  const state = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
  for (const words of blocksOf(message, 64)) {
    for (let at = 16; at < 64; at += 1) {
      const [near, far] = [word(words, at - 2), word(words, at - 15)];
      const ofNear = right(near, 17) ^ right(near, 19) ^ (near >>> 10);
      const ofFar = right(far, 7) ^ right(far, 18) ^ (far >>> 3);
      words[at] = word(words, at - 16) + ofFar + word(words, at - 7) + ofNear;
    }
    let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
    for (let at = 0; at < 64; at += 1) {
      const constant = fraction(Math.cbrt(PRIMES[at] ?? 0));
      const ofE = (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g));
      const ofA = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      const next = h + ofE + constant + word(words, at);
      [a, b, c, d, e, f, g, h] = [(next + ofA) | 0, a, b, c, (d + next) | 0, e, f, g];
    }
    add(state, [a, b, c, d, e, f, g, h]);
  }
  return bytesOf(state);
}

/** SHA-256's constants are the first bits of the roots of these. */
const PRIMES = Array.from({ length: 312 }, (_, number) => number).filter(
  (number) => number > 1 && !Array.from({ length: number - 2 }, (_, less) => less + 2).some((less) => number % less === 0),
);

/** The first 32 bits after the point. */
function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
}

/** The padded message, each block as the first sixteen of `length` words. */
function* blocksOf(message: Bytes, length: number): Generator<Int32Array> {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  for (let start = 0; start < padded.length; start += BLOCK_BYTES) {
    const words = new Int32Array(length);
    for (let at = 0; at < 16; at += 1) words[at] = view.getInt32(start + at * 4);
    yield words;
  }
}

function word(words: Int32Array, at: number): number {
  return words[at] ?? 0;
}

function left(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function right(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}

function add(state: number[], more: number[]): void {
  more.forEach((value, at) => {
    state[at] = ((state[at] ?? 0) + value) | 0;
  });
}

function bytesOf(state: number[]): Bytes {
  const bytes = new Uint8Array(state.length * 4);
  const view = new DataView(bytes.buffer);
  state.forEach((value, at) => view.setInt32(at * 4, value));
  return bytes;
}
