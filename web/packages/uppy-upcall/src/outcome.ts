/**
 * How an upload ended, read from the storage server's answer.
 *
 * Four ends that must not be mixed up: the application accepted the file; the file is stored but
 * the application did not agree (203, which naive pages take for success); the file is there and
 * nobody sees it until the application agrees (202, in gated buckets); the file was refused or never
 * arrived.
 */
import { PolicyError } from "./policy.ts";
import { type Answer, NoAnswer, parseRetryAfter } from "./send.ts";

export type Outcome =
  | {
      kind: "accepted";
      /** What the application answered, as it came; empty where no callback was asked for. */
      answer: string;
      requestId: string | null;
    }
  /** 203: in the bucket, and the application did not agree, or could not be asked. */
  | { kind: "storedNotAccepted"; words: ServerWords }
  /** 202, gated buckets of upcall: do not send it again, the server goes on asking. */
  | { kind: "pending"; words: ServerWords }
  | { kind: "refused"; reason: Reason; words: ServerWords | null };

export type Reason =
  | "applicationDeclined"
  | "applicationRefused"
  | "applicationSilent"
  | "applicationUnreachable"
  | "applicationUnusable"
  | "exists"
  | "notAllowed"
  | "policyExpired"
  | "storageFault"
  | "storageRefused"
  | "storageUnreachable"
  | "tooLarge"
  | "tooSmall"
  | "wrongSignature"
  | "wrongType";

/** What a server said, in its own words. */
export interface ServerWords {
  code: string | null;
  message: string | null;
  hint: string | null;
  requestId: string | null;
}

/** Reads the storage server's answer. */
export function readOutcome(answer: Answer): Outcome {
  if (answer.status === 203) {
    return { kind: "storedNotAccepted", words: readWords(answer) };
  }
  if (answer.status === 202) {
    return { kind: "pending", words: readWords(answer) };
  }
  if (answer.status >= 200 && answer.status < 300) {
    return { kind: "accepted", answer: answer.body, requestId: answer.requestId };
  }
  const words = readWords(answer);
  const reason = verdictOf(answer) ?? reasonOf(answer.status, words);
  return { kind: "refused", reason, words };
}

/** What became of an upload that ended without an answer of the storage server. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof PolicyError) {
    const reasons = {
      unreachable: "applicationUnreachable",
      refused: "applicationRefused",
      unusable: "applicationUnusable",
    } as const;
    const code = error.status === null ? null : `HTTP ${error.status}`;
    const words =
      error.words === null && code === null
        ? null
        : { code, message: error.words, hint: null, requestId: null };
    return { kind: "refused", reason: reasons[error.reason], words };
  }
  if (error instanceof NoAnswer) {
    return { kind: "refused", reason: "storageUnreachable", words: null };
  }
  throw error;
}

/** What is longer than this is no message to a person. */
const MOST_LETTERS = 1_000;

/** Reads the protocol's `<Error>`; another body (a proxy's page) is handed on as a message. */
export function readWords(answer: Answer): ServerWords {
  const root = parseXml(answer.body);
  if (root === null) {
    const message = answer.body.trim().slice(0, MOST_LETTERS);
    return {
      code: `HTTP ${answer.status}`,
      message: message === "" ? null : message,
      hint: null,
      requestId: answer.requestId,
    };
  }
  return {
    code: childText(root, "Code"),
    message: childText(root, "Message"),
    hint: childText(root, "Hint"),
    requestId: childText(root, "RequestId") ?? answer.requestId,
  };
}

/** How long the server asks to wait; upcall says it in the body too, where no CORS rule hides it. */
export function retryAfterOf(answer: Answer): number | null {
  if (answer.retryAfterMs !== null) return answer.retryAfterMs;
  const root = parseXml(answer.body);
  return root === null ? null : parseRetryAfter(childText(root, "RetryAfterSeconds"));
}

/** Sending the same file again cannot end otherwise. */
export function isFinal(reason: Reason): boolean {
  return (
    reason === "applicationDeclined" ||
    reason === "tooLarge" ||
    reason === "tooSmall" ||
    reason === "wrongType"
  );
}

/**
 * What became of a file in a gated bucket that the application did not agree to. The storage server
 * speaks XML; JSON under a status of 400 to 499 is the application's own no, handed on.
 */
function verdictOf(answer: Answer): Reason | null {
  const root = parseXml(answer.body);
  if (root !== null) {
    const verdict = childText(root, "Verdict");
    if (verdict === "refused") return "applicationDeclined";
    return verdict === "unavailable" ? "applicationSilent" : null;
  }
  const isOurs = answer.status >= 400 && answer.status < 500;
  return isOurs && isJson(answer.body) ? "applicationDeclined" : null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * By code; by message only where the protocol has one code for several things (`AccessDenied` for
 * an expired policy and for each condition that is not met).
 */
function reasonOf(status: number, { code, message }: ServerWords): Reason {
  switch (code) {
    case "EntityTooLarge":
      return "tooLarge";
    case "EntityTooSmall":
      return "tooSmall";
    case "FileAlreadyExists":
    case "FileImmutable":
      return "exists";
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
      return "wrongSignature";
    case "AccessDenied":
      return reasonOfDenial(message ?? "");
    default:
      return status >= 500 ? "storageFault" : "storageRefused";
  }
}

function reasonOfDenial(message: string): Reason {
  if (message.includes("Policy expired")) return "policyExpired";
  if (/\$(x-oss-)?content-type"/i.test(message)) return "wrongType";
  return "notAllowed";
}

function parseXml(text: string): Element | null {
  if (!text.trimStart().startsWith("<")) return null;
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  return root?.tagName === "Error" ? root : null;
}

function childText(root: Element, name: string): string | null {
  for (const child of root.children) {
    if (child.tagName === name && child.textContent !== "") return child.textContent.slice(0, MOST_LETTERS);
  }
  return null;
}
