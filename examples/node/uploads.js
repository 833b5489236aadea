/** What the application was told of uploads: rows in memory, each appended to a file first. */
import { open, readFile } from "node:fs/promises";

export class Uploads {
  #rows = [];
  #requestIds = new Set();
  #file;
  /** The last write; the next one waits for it, so that lines do not mix. */
  #written = Promise.resolve();
  /** Whether the file ends in the middle of a line: a crash or a full disk leaves half a row. */
  #isTorn = false;

  /** Reads the rows of earlier runs. */
  static async open(path) {
    const uploads = new Uploads();
    uploads.#file = await open(path, "a");
    const text = await readFile(path, "utf8");
    for (const line of text.split("\n")) {
      const row = parsed(line);
      if (row !== undefined) uploads.#keep(row);
    }
    uploads.#isTorn = text !== "" && !text.endsWith("\n");
    return uploads;
  }

  /** Keeps one row for each request id, however often the callback comes; returns when it is on disk. */
  async add(form, user) {
    const text = (name) => form.get(name) ?? "";
    // Empty for what is no image.
    const number = (name) => (/^\d{1,15}$/.test(text(name)) ? Number(text(name)) : null);
    const row = {
      bucket: text("bucket"),
      object: text("object"),
      etag: text("etag"),
      size: number("size"),
      mimeType: text("mimeType"),
      width: number("width"),
      height: number("height"),
      requestId: text("requestId"),
      user,
    };
    const write = async () => {
      if (this.#requestIds.has(row.requestId)) return;
      const start = this.#isTorn ? "\n" : "";
      this.#isTorn = true;
      await this.#file.appendFile(`${start}${JSON.stringify(row)}\n`);
      this.#isTorn = false;
      await this.#file.datasync();
      this.#keep(row);
    };
    const written = this.#written.then(write);
    this.#written = written.catch(() => {});
    return written;
  }

  /** The last ones, the newest first. */
  newest(limit) {
    const show = ({ object, size, mimeType, width, height, requestId, user }) => ({
      object,
      size,
      mimeType,
      width,
      height,
      requestId,
      user: user ?? null,
    });
    return this.#rows.slice(-limit).reverse().map(show);
  }

  #keep(row) {
    if (this.#requestIds.has(row.requestId)) return;
    this.#rows.push(row);
    // One that names no request is a row each time.
    if (row.requestId) this.#requestIds.add(row.requestId);
  }
}

/** The row of a line; half a row, which was never answered with 200, is none. */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
