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
import type { PolicySource } from "./policy.ts";
import { uploadFile } from "./upload.ts";

export interface UpcallUploadOptions extends PluginOpts {
  policies: PolicySource;
  /** Asked for each file as it starts. */
  naming: () => Naming;
  /** What Uppy shows beside a file that was not accepted. */
  describe: (outcome: Outcome) => string;
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
  readonly #queue = new TaskQueue({ concurrency: PARALLEL_UPLOADS });

  constructor(uppy: Uppy<M, B>, options: UpcallUploadOptions) {
    super(uppy, options);
    this.id = options.id ?? "UpcallUpload";
    this.type = "uploader";
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
    const { policies, naming } = this.opts;
    const onProgress = (sentBytes: number, totalBytes: number): void => {
      this.uppy.emit("upload-progress", this.uppy.getFile(file.id), {
        uploadStarted: Date.now(),
        bytesUploaded: sentBytes,
        bytesTotal: totalBytes,
      });
    };
    return uploadFile({ data: file.data, name: file.name }, naming(), policies, { onProgress, signal });
  }

  #report(file: UppyFile<M, B>, outcome: Outcome): void {
    this.uppy.emit("upcall:outcome", file, outcome);
    if (outcome.kind === "accepted") {
      this.uppy.emit("upload-success", this.uppy.getFile(file.id), { status: 200 });
    } else {
      // Also where the file is stored: Uppy's green tick would promise what the application denied.
      const error = { name: outcome.kind, message: this.opts.describe(outcome) };
      this.uppy.emit("upload-error", this.uppy.getFile(file.id), error);
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
