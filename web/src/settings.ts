/** What the application announces before anything is chosen: `GET /settings`. */

export interface Settings {
  maxBytes: number | null;
  /** As in an `accept` attribute: `image/*`, `application/pdf`, `.txt`. */
  allowedTypes: string[] | null;
  bucket: string | null;
  /** Who signs; another origin where the application is somebody's own. */
  policyUrl: string;
  /** Where the recorded uploads are listed; `null` if they are not. */
  uploadsUrl: string | null;
  /** Where the classic examples are; `null` if they are not. */
  examplesUrl: string | null;
}

const NO_SETTINGS: Settings = {
  maxBytes: null,
  allowedTypes: null,
  bucket: null,
  policyUrl: "/policy",
  uploadsUrl: "/uploads",
  examplesUrl: null,
};

const ASK_LIMIT_MS = 5_000;

/** An application without this address, or one that is down, announces nothing. */
export async function askSettings(url: string): Promise<Settings> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return response.ok ? parseSettings(await response.json()) : NO_SETTINGS;
  } catch {
    return NO_SETTINGS;
  }
}

export function parseSettings(json: unknown): Settings {
  if (typeof json !== "object" || json === null) return NO_SETTINGS;
  const { maxBytes, allowedTypes, bucket, policyUrl, uploadsUrl, examplesUrl } = json as Record<
    string,
    unknown
  >;
  const types = Array.isArray(allowedTypes)
    ? allowedTypes.filter((type): type is string => typeof type === "string")
    : [];
  return {
    maxBytes: typeof maxBytes === "number" && maxBytes > 0 ? maxBytes : null,
    allowedTypes: types.length > 0 ? types : null,
    bucket: typeof bucket === "string" ? bucket : null,
    policyUrl: typeof policyUrl === "string" ? policyUrl : NO_SETTINGS.policyUrl,
    uploadsUrl: typeof uploadsUrl === "string" || uploadsUrl === null ? uploadsUrl : NO_SETTINGS.uploadsUrl,
    examplesUrl: typeof examplesUrl === "string" && examplesUrl.startsWith("/") ? examplesUrl : null,
  };
}
