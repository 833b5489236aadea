/** What the admin interface answers: see `docs/admin.md`. */

export interface CallSummary {
  id: string;
  requestId: string;
  bucket: string;
  key: string;
  attempt: number;
  at: string;
  url: string;
  status: number | null;
  totalMs: number;
  outcome: "agreed" | "failed";
  message: string | null;
  explanation: string;
}

export type Headers = [string, string][];

export interface Call extends Omit<CallSummary, "status" | "totalMs"> {
  method: string;
  target: string;
  requestHeaders: Headers;
  body?: string;
  bodyBase64?: string;
  stringToSign?: string;
  stringToSignBase64?: string;
  address: string | null;
  isReused: boolean;
  isResent: boolean;
  timing: Timing;
  answer: CallAnswer | null;
}

export interface Timing {
  resolveMs: number | null;
  connectMs: number | null;
  tlsMs: number | null;
  firstByteMs: number | null;
  totalMs: number;
}

export interface CallAnswer {
  status: number;
  headers: Headers;
  body?: string;
  bodyBase64?: string;
  bodyBytes: number | null;
}

export interface Excerpt {
  before: string;
  after: string;
}

export interface Diagnosis {
  outcome: "verifies" | "fails" | "needs-key";
  error: string | null;
  findings: { reason: string; certainty: string; text: string }[];
  difference: { part: string; offset: number; sent: Excerpt; received: Excerpt } | null;
  repaired: { target: string; body: string } | null;
  advice: { name: string; text: string }[];
  /** The recorded call that it was held against. */
  call: string | null;
}

export interface OwedCall {
  id: string;
  requestId: string;
  bucket: string;
  key: string;
  created: string;
  isHeld: boolean;
  state: "owed" | "givenUp";
  attempts: number;
  next: string | null;
  lastFailure: string | null;
}

export interface CorsRule {
  allowedOrigins: string[];
  allowedMethods: string[];
  allowedHeaders: string[];
  exposeHeaders: string[];
  maxAgeSeconds: number | null;
}

export interface Cors {
  rules: CorsRule[];
  responseVary: boolean;
}

export const ACLS = ["private", "public-read", "public-read-write"] as const;
export type Acl = (typeof ACLS)[number];

export interface Bucket {
  name: string;
  acl: Acl;
  created: string;
  cors: Cors | null;
}

export interface CallbackSettings {
  default: unknown;
  required: boolean;
  redeliverSeconds: number | null;
  gate: "refuse" | "keep" | null;
  keepAlive: boolean;
  chunkedAnswers: boolean;
}

export interface ObjectRow {
  key: string;
  size: number;
  etag: string;
  modified: string;
  contentType: string;
}

export interface ObjectPage {
  objects: ObjectRow[];
  prefixes: string[];
  nextMarker: string | null;
}

export interface ObjectFacts extends ObjectRow {
  bucket: string;
  crc64: string;
  acl: string;
  storageClass: string;
  headers: Headers;
  metadata: Headers;
}

export interface RefusalSummary {
  requestId: string;
  at: string;
  operation: string;
  bucket: string | null;
  key: string | null;
  peer: string;
  status: number;
  code: string;
  message: string;
  hint: string | null;
}

export interface Refusal extends RefusalSummary {
  form: {
    fields: Headers;
    fileName: string | null;
    fileType: string | null;
  } | null;
  policy: string | null;
  explanation: Explanation | null;
}

export interface Explanation {
  met: boolean;
  expiration: string;
  expired: boolean;
  unbound: string[];
  conditions: { number: number; condition: string; verdict: "met" | "unmet" | "unknown"; text: string }[];
}

export interface Overview {
  version: string;
  started: string;
  uploads: { stored: number; refused: number; bytes: number };
  callbacks: { agreed: number; failed: number; underWay: number };
  owed: { waiting: number; givenUp: number; isMore: boolean };
  buckets: number;
  store: { freeBytes: number; reservedBytes: number; logBytes: number; logLiveBytes: number; damaged: number };
}
