/**
 * The Uppy plugin: takes files out of Uppy, uploads them, tells Uppy how it goes.
 *
 * Everything else that an upload page does (choosing, dropping, previewing, progress, cancelling)
 * is Uppy's.
 */
import { BasePlugin, type Body, type Meta, type PluginOpts, type Uppy, type UppyFile } from "@uppy/core";
import { TaskQueue, filterFilesToEmitUploadStarted, filterFilesToUpload } from "@uppy/core/utils";
import type { Naming } from "./objectKey.ts";
import type { Outcome } from "./outcome.ts";
import { PolicySource } from "./policy.ts";
import { type UploadOptions, uploadFile } from "./upload.ts";

export interface UpcallUploadOptions extends PluginOpts {
  /** The application server's address, or a source of one's own. */
  policies: string | PolicySource;
  /** By default as the file is called; a function is asked for each file as it starts. */
  naming?: Naming | (() => Naming);
  /** Fields of one's own: `x:…` for the callback, `x-oss-forbid-overwrite`, … */
  fields?: UploadOptions["fields"];
  retries?: UploadOptions["retries"];
  /** What Uppy shows beside a file that was not accepted; by default the server's words. */
  describe?: (outcome: Outcome) => string;
}

declare module "@uppy/core" {
  interface UppyEventMap<M extends Meta, B extends Body> {
    /** A file's upload is over; fired once, before Uppy's own event for it. */
    "upcall:outcome": (file: UppyFile<M, B>, outcome: Outcome) => void;
  }
}

/** How many files are on their way at once; the others wait. */
const PARALLEL_UPLOADS = 4;

export class UpcallUpload<M extends Meta, B extends Body> extends BasePlugin<UpcallUploadOptions, M, B> {
  readonly #policies: PolicySource;
  readonly #queue = new TaskQueue({ concurrency: PARALLEL_UPLOADS });

  constructor(uppy: Uppy<M, B>, options: UpcallUploadOptions) {
    super(uppy, options);
    this.id = options.id ?? "UpcallUpload";
    this.type = "uploader";
    const { policies } = this.opts;
    this.#policies = typeof policies === "string" ? new PolicySource(policies) : policies;
  }

  override install(): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, individualCancellation: true } });
    this.uppy.addUploader(this.#uploadAll);
  }

  override uninstall(): void {
    this.uppy.removeUploader(this.#uploadAll);
  }

  readonly #uploadAll = async (ids: string[]): Promise<void> => {
    const files = filterFilesToUpload(this.uppy.getFilesByIds(ids));
    this.uppy.emit("upload-start", filterFilesToEmitUploadStarted(files));
    await Promise.all(files.map((file) => this.#uploadOne(file)));
  };

  /** Never rejects: one file's end is no other file's business. */
  async #uploadOne(file: UppyFile<M, B>): Promise<void> {
    const cancelled = new AbortController();
    const onRemoved = (removed: UppyFile<M, B>): void => {
      if (removed.id === file.id) cancelled.abort();
    };
    const onCancelAll = (): void => cancelled.abort();
    this.uppy.on("file-removed", onRemoved);
    this.uppy.on("cancel-all", onCancelAll);
    try {
      const outcome = await this.#queue.add(() => this.#send(file, cancelled.signal));
      this.#report(file, outcome);
    } catch (error) {
      if (!cancelled.signal.aborted) {
        this.uppy.emit("upload-error", this.uppy.getFile(file.id), toError(error));
      }
    } finally {
      this.uppy.off("file-removed", onRemoved);
      this.uppy.off("cancel-all", onCancelAll);
    }
  }

  async #send(file: UppyFile<M, B>, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    if (!(file.data instanceof Blob)) throw new TypeError("only files of this device are uploaded");
    const { naming, fields, retries } = this.opts;
    const onProgress = (sentBytes: number, totalBytes: number): void => {
      this.uppy.emit("upload-progress", this.uppy.getFile(file.id), {
        uploadStarted: Date.now(),
        bytesUploaded: sentBytes,
        bytesTotal: totalBytes,
      });
    };
    return uploadFile(file.data, this.#policies, {
      fileName: file.name,
      naming: typeof naming === "function" ? naming() : naming,
      fields,
      retries,
      onProgress,
      signal,
    });
  }

  #report(file: UppyFile<M, B>, outcome: Outcome): void {
    this.uppy.emit("upcall:outcome", file, outcome);
    if (outcome.kind === "accepted") {
      this.uppy.emit("upload-success", this.uppy.getFile(file.id), { status: 200 });
    } else {
      // Also where the file is stored: Uppy's green tick would promise what the application denied.
      const describe = this.opts.describe ?? inServersWords;
      const error = { name: outcome.kind, message: describe(outcome) };
      this.uppy.emit("upload-error", this.uppy.getFile(file.id), error);
    }
  }
}

function inServersWords(outcome: Outcome): string {
  if (outcome.kind === "accepted") return "accepted";
  const words = outcome.words?.message ?? (outcome.kind === "refused" ? outcome.reason : outcome.kind);
  return outcome.kind === "storedNotAccepted" ? `stored, not accepted: ${words}` : words;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
