/**
 * The bytes of a base64 text, or `undefined` if it is not the one way to write them: standard
 * alphabet, padding, no spare bits. `Buffer` alone takes nearly everything.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
