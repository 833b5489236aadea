/** What `upcall dev` tells its example pages: `GET /examples/settings`. */
import type { Signer } from "./sign";

export interface ExampleSettings extends Signer {
  /** The application server, which may be the visitor's own. */
  policyUrl: string;
  /** The same in the second generation; `null` if nobody signs that way. */
  policyUrlV4: string | null;
  /** A policy without callback, for the second example. */
  policyUrlWithoutCallback: string | null;
}

const ASK_LIMIT_MS = 5_000;

/** `null` where there are none: the examples belong to `upcall dev`. */
export async function askExampleSettings(url: string): Promise<ExampleSettings | null> {
  try {
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return response.ok ? parseExampleSettings(await response.json()) : null;
  } catch {
    return null;
  }
}

export function parseExampleSettings(json: unknown): ExampleSettings | null {
  if (typeof json !== "object" || json === null) return null;
  const members = json as Record<string, unknown>;
  const text = (name: string): string | null => {
    const value = members[name];
    return typeof value === "string" && value !== "" ? value : null;
  };
  const bucketUrl = text("bucketUrl");
  const policyUrl = text("policyUrl");
  if (bucketUrl === null || policyUrl === null) return null;
  return {
    bucketUrl,
    region: text("region") ?? "",
    accessKeyId: text("accessKeyId") ?? "",
    accessKeySecret: text("accessKeySecret") ?? "",
    policyUrl,
    policyUrlV4: text("policyUrlV4"),
    policyUrlWithoutCallback: text("policyUrlWithoutCallback"),
  };
}
