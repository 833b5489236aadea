import { describe, expect, test } from "vitest";
import { PolicyError, PolicySource, type SignedPolicy } from "./policy.ts";
import { type Answer, NoAnswer, parseRetryAfter } from "./send.ts";
import { type Outside, type UploadOptions, uploadFile } from "./upload.ts";

const FILE = new File(["bytes"], "cat.jpg", { type: "image/jpeg" });

const answer = (status: number, body = "{}", retryAfterMs: number | null = null): Answer => ({
  status,
  body,
  requestId: null,
  retryAfterMs,
});
const error = (code: string, message = "", more = "") =>
  `<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;
const ACCEPTED = answer(200);
const EXPIRED = answer(403, error("AccessDenied", "Invalid according to Policy: Policy expired."));
const EXISTS = answer(409, error("FileAlreadyExists"));

/** Numbered policies, a storage server that answers in this order, and a clock that only counts. */
function stage(answers: (Answer | Error)[], policy: (question: number) => Partial<SignedPolicy> | Error = () => ({})) {
  const forms: FormData[] = [];
  const waits: number[] = [];
  let questions = 0;
  const policies = new PolicySource(() => {
    questions += 1;
    const own = policy(questions);
    if (own instanceof Error) return Promise.reject(own);
    const fields = { policy: `policy ${questions}`, signature: "s" };
    const expiresAt = new Date(Date.now() + 60_000);
    return Promise.resolve({ version: "V1", host: "/", dir: "d/", fields, expiresAt, ...own });
  });
  const outside: Outside = {
    send: (_host, form) => {
      forms.push(form);
      const next = answers.shift();
      return next instanceof Error || next === undefined ? Promise.reject(next) : Promise.resolve(next);
    },
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    random: () => 0.5,
  };
  const upload = (options: UploadOptions = {}) => uploadFile(FILE, policies, options, outside);
  const sent = (name: string) => forms.map((form) => form.get(name));
  return { upload, forms, waits, sent, questions: () => questions };
}

describe("the form", () => {
  test("has the key first and the file last", async () => {
    const { upload, forms } = stage([ACCEPTED]);
    await upload({ fields: { "x:user": "7" } });
    const names = ["key", "policy", "signature", "idempotency-key", "x:user", "file"];
    expect([...(forms[0]?.keys() ?? [])]).toEqual(names);
    expect(forms[0]?.get("key")).toBe("d/${filename}");
    expect((forms[0]?.get("file") as File).name).toBe("cat.jpg");
  });

  test("may say another file name", async () => {
    const { upload, forms } = stage([ACCEPTED]);
    await upload({ fileName: "dog.jpg" });
    expect((forms[0]?.get("file") as File).name).toBe("dog.jpg");
  });
});

describe("an expired policy", () => {
  test("is renewed, and the file sent with the new one, at once", async () => {
    const { upload, sent, waits } = stage([EXPIRED, ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ kind: "accepted" });
    expect(sent("policy")).toEqual(["policy 1", "policy 2"]);
    expect(waits).toEqual([]);
  });

  test("is renewed once only", async () => {
    const { upload, forms } = stage([EXPIRED, EXPIRED, ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ reason: "policyExpired" });
    expect(forms).toHaveLength(2);
  });
});

describe("what is never sent twice", () => {
  test.each([
    [answer(200), "accepted"],
    [answer(202), "pending"],
    [answer(203), "storedNotAccepted"],
    [answer(400), "refused"],
    [answer(403, error("AccessDenied", "no right")), "refused"],
    [EXISTS, "refused"],
    [answer(429), "refused"],
    [answer(501), "refused"],
  ] as const)("$status", async (given, kind) => {
    const { upload, forms } = stage([given, ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ kind });
    expect(forms).toHaveLength(1);
  });

  test("an upload that was cancelled before it started", async () => {
    const { upload, forms } = stage([ACCEPTED]);
    await expect(upload({ signal: AbortSignal.abort() })).rejects.toThrow();
    expect(forms).toHaveLength(0);
  });

  test("an upload that is cancelled while the application takes its time to sign", async () => {
    const policies = new PolicySource(() => new Promise(() => {}));
    const cancelled = new AbortController();
    const upload = uploadFile(FILE, policies, { signal: cancelled.signal });
    cancelled.abort(new Error("cancelled"));
    await expect(upload).rejects.toThrow("cancelled");
  });

  test("an upload whose retries are no number", async () => {
    const { upload, forms } = stage([answer(503), ACCEPTED]);
    await upload({ retries: Number("two") });
    expect(forms).toHaveLength(1);
  });

  test("a bug", async () => {
    const { upload, forms } = stage([new RangeError("bug"), ACCEPTED]);
    await expect(upload()).rejects.toThrow(RangeError);
    expect(forms).toHaveLength(1);
  });
});

describe("what is sent again", () => {
  test.each([new NoAnswer(), answer(500), answer(502), answer(503), answer(504)])("%#", async (first) => {
    const { upload, waits } = stage([first, first, ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ kind: "accepted" });
    expect(waits).toEqual([1_000, 2_000]);
  });

  test("is the same upload: one key, one idempotency key, which nobody guesses", async () => {
    const { upload, sent } = stage([new NoAnswer(), answer(503), ACCEPTED]);
    await upload({ naming: "random" });
    expect(sent("key")).toHaveLength(3);
    expect(new Set(sent("key")).size).toBe(1);
    expect(new Set(sent("idempotency-key")).size).toBe(1);
    expect(sent("idempotency-key")[0]).toMatch(/^[0-9a-f]{32}$/);

    const other = stage([ACCEPTED]);
    await other.upload();
    expect(other.sent("idempotency-key")).not.toEqual(sent("idempotency-key").slice(0, 1));
  });

  test("ends with the last answer when patience ends", async () => {
    const { upload, forms } = stage([new NoAnswer(), new NoAnswer(), answer(503), ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ reason: "storageFault" });
    expect(forms).toHaveLength(3);
  });

  test("waits no longer than half a minute or so, however often it is tried", async () => {
    const { upload, waits } = stage([...Array.from({ length: 40 }, () => answer(503)), ACCEPTED]);
    await expect(upload({ retries: 40 })).resolves.toMatchObject({ kind: "accepted" });
    expect(Math.max(...waits)).toBe(30_000);
  });

  test("has the idempotency key that one wants", async () => {
    const { upload, sent } = stage([new NoAnswer(), ACCEPTED]);
    await upload({ fields: { "idempotency-key": "mine" } });
    expect(sent("idempotency-key")).toEqual(["mine", "mine"]);
  });

  test("is nothing, where none is wanted", async () => {
    const { upload, forms } = stage([answer(503), ACCEPTED]);
    await expect(upload({ retries: 0 })).resolves.toMatchObject({ reason: "storageFault" });
    expect(forms).toHaveLength(1);
  });

  test("waits as long as the server asks for, in a header or in upcall's body", async () => {
    const inBody = error("ServiceUnavailable", "", "<RetryAfterSeconds>5</RetryAfterSeconds>");
    const { upload, waits } = stage([answer(503, "", 7_000), answer(503, inBody), ACCEPTED]);
    await upload();
    expect(waits).toEqual([7_000, 5_000]);
  });

  test("but not for minutes", async () => {
    const { upload, forms } = stage([answer(503, "", 120_000), ACCEPTED]);
    await expect(upload()).resolves.toMatchObject({ reason: "storageFault" });
    expect(forms).toHaveLength(1);
  });

  test("and is there already, is not taken for somebody else's file", async () => {
    const { upload } = stage([new NoAnswer(), EXISTS]);
    await expect(upload()).resolves.toMatchObject({ reason: "storageUnreachable" });
  });

  test.each([
    ["directory", "dir"],
    ["bucket", "host"],
  ])("does not go into another %s, should the policy name one by then", async (_, member) => {
    const { upload, forms } = stage([new NoAnswer(), ACCEPTED], (question) => ({
      [member]: `/${question}/`,
      expiresAt: null,
    }));
    await expect(upload()).resolves.toMatchObject({ reason: "storageUnreachable" });
    expect(forms).toHaveLength(1);
  });
});

describe("the question for a policy", () => {
  test.each([new PolicyError("unreachable", null), new PolicyError("refused", null, 503)])(
    "is asked again: %#",
    async (first) => {
      const { upload, waits } = stage([ACCEPTED], (question) => (question === 1 ? first : {}));
      await expect(upload()).resolves.toMatchObject({ kind: "accepted" });
      expect(waits).toEqual([1_000]);
    },
  );

  test.each([new PolicyError("refused", "sign in", 401), new PolicyError("unusable", "<h1>")])(
    "has its answer: %#",
    async (no) => {
      const { upload, questions } = stage([ACCEPTED], () => no);
      await expect(upload()).resolves.toMatchObject({ kind: "refused", words: { message: no.words } });
      expect(questions()).toBe(1);
    },
  );
});

test.each([
  [null, null],
  ["3", 3_000],
  ["Thu, 01 Jan 1970 00:01:00 GMT", 50_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["soon", null],
])("Retry-After %j", (value, ms) => {
  expect(parseRetryAfter(value, 10_000)).toBe(ms);
});
