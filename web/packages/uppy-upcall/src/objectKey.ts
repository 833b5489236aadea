/**
 * Which name a file gets in the bucket.
 *
 * The two modes of the documented upload page: keep the local name (the storage server puts it in
 * place of `${filename}`), or ten random characters and the local suffix.
 */

export type Naming = "keep" | "random";

/** Without the letters and digits that are easily taken for one another. */
export const RANDOM_ALPHABET = "ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678";

const RANDOM_LENGTH = 10;

/** Fills the array with random bytes, as `crypto.getRandomValues` does. */
export type RandomBytes = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** What follows the directory that the application server allows. */
export function nameFor(naming: Naming, fileName: string, random: RandomBytes = systemRandom): string {
  return naming === "keep" ? "${filename}" : randomName(random) + suffixOf(fileName);
}

/** From the last dot on, dot included; empty where there is none. */
export function suffixOf(fileName: string): string {
  const dot = fileName.lastIndexOf(".");
  return dot === -1 ? "" : fileName.slice(dot);
}

function randomName(random: RandomBytes): string {
  // Bytes beyond the last whole multiple of the alphabet are thrown away: each letter stays as
  // likely as any other.
  const fair = 256 - (256 % RANDOM_ALPHABET.length);
  let name = "";
  while (name.length < RANDOM_LENGTH) {
    for (const byte of random(new Uint8Array(RANDOM_LENGTH))) {
      if (byte < fair && name.length < RANDOM_LENGTH) {
        name += RANDOM_ALPHABET.charAt(byte % RANDOM_ALPHABET.length);
      }
    }
  }
  return name;
}

function systemRandom(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(bytes);
}
