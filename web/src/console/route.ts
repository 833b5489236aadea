/**
 * Which page is shown, as the part of the address behind `#`. Names in it are encoded, so that none
 * can lead anywhere else.
 */

export type Route =
  | { page: "overview" }
  | { page: "callbacks" }
  | { page: "call"; id: string }
  | { page: "owed" }
  | { page: "buckets" }
  | { page: "objects"; bucket: string; prefix: string }
  | { page: "settings"; bucket: string }
  | { page: "refusals" }
  | { page: "refusal"; id: string };

export function toHash(route: Route): string {
  const part = encodeURIComponent;
  switch (route.page) {
    case "overview":
      return "#/";
    case "callbacks":
    case "owed":
    case "buckets":
    case "refusals":
      return `#/${route.page}`;
    case "call":
      return `#/callbacks/${part(route.id)}`;
    case "refusal":
      return `#/refusals/${part(route.id)}`;
    case "objects":
      return `#/buckets/${part(route.bucket)}/objects/${part(route.prefix)}`;
    case "settings":
      return `#/buckets/${part(route.bucket)}/settings`;
  }
}

/** What cannot be read is the overview. */
export function parseHash(hash: string): Route {
  const parts = hash.replace(/^#\/?/, "").split("/").map(decode);
  const [first, second, third, fourth] = parts;
  if (parts.includes(null)) return { page: "overview" };
  if (first === "callbacks") return second ? { page: "call", id: second } : { page: "callbacks" };
  if (first === "refusals") return second ? { page: "refusal", id: second } : { page: "refusals" };
  if (first === "owed") return { page: "owed" };
  if (first === "buckets") {
    if (!second) return { page: "buckets" };
    if (third === "settings") return { page: "settings", bucket: second };
    return { page: "objects", bucket: second, prefix: fourth ?? "" };
  }
  return { page: "overview" };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
