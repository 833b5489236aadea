/** The tables that every language's package reads. */
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../crates/upcall/tests/vectors/", import.meta.url);

export function readVectors(name) {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
}
