/** What the application wrote into its database, row by row: `GET /uploads`. */

export interface RecordedUpload {
  object: string;
  /** In bytes. */
  size: number | null;
  mimeType: string;
  width: number | null;
  height: number | null;
  requestId: string;
  receivedAt: string;
}

const ASK_LIMIT_MS = 10_000;

/** Newest first; `null` if the application did not answer. */
export async function askRecorded(url: string): Promise<RecordedUpload[] | null> {
  try {
    const response = await fetch(url, {
      cache: "no-store",
      signal: AbortSignal.timeout(ASK_LIMIT_MS),
    });
    return response.ok ? parseRecorded(await response.json()) : null;
  } catch {
    return null;
  }
}

export function parseRecorded(json: unknown): RecordedUpload[] {
  const rows = (json as { uploads?: unknown } | null)?.uploads;
  if (!Array.isArray(rows)) return [];
  return rows
    .filter((row): row is Record<string, unknown> => typeof row === "object" && row !== null)
    .map((row) => ({
      object: textOf(row["object"]),
      size: numberOf(row["size"]),
      mimeType: textOf(row["mimeType"]),
      width: pixelsOf(row["width"]),
      height: pixelsOf(row["height"]),
      requestId: textOf(row["requestId"]),
      receivedAt: textOf(row["receivedAt"]),
    }));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Zero pixels are no pixels: applications store it for files that are not images. */
function pixelsOf(value: unknown): number | null {
  return numberOf(value) || null;
}
