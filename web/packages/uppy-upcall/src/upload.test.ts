import { describe, expect, test } from "vitest";
import { PolicySource } from "./policy.ts";
import { type Answer, NoAnswer, type postObject } from "./postObject.ts";
import { uploadFile } from "./upload.ts";

const FILE = { data: new File(["bytes"], "cat.jpg", { type: "image/jpeg" }), name: "cat.jpg" };
const EXPIRED: Answer = {
  status: 403,
  body: "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message></Error>",
  requestId: null,
};
const ACCEPTED: Answer = { status: 200, body: "{}", requestId: null };

/** Numbered policies, and a storage server that answers in this order. */
function stage(answers: (Answer | Error)[]) {
  const forms: FormData[] = [];
  let questions = 0;
  const policies = new PolicySource(() => {
    questions += 1;
    const fields = { policy: `policy ${questions}`, signature: "s" };
    return Promise.resolve({ url: "/", dir: "d/", fields, expiresAt: new Date(Date.now() + 60_000) });
  });
  const post: typeof postObject = (_url, form) => {
    forms.push(form);
    const answer = answers.shift();
    return answer instanceof Error || answer === undefined ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { forms, policies, post };
}

describe("a file's way", () => {
  test("the key comes first and the file last", async () => {
    const { forms, policies, post } = stage([ACCEPTED]);
    await uploadFile(FILE, "keep", policies, {}, post);
    expect([...(forms[0]?.keys() ?? [])]).toEqual(["key", "policy", "signature", "file"]);
    expect(forms[0]?.get("key")).toBe("d/${filename}");
    expect((forms[0]?.get("file") as File).name).toBe("cat.jpg");
  });

  test("an expired policy is renewed, and the file sent with the new one", async () => {
    const { forms, policies, post } = stage([EXPIRED, ACCEPTED]);
    await expect(uploadFile(FILE, "keep", policies, {}, post)).resolves.toMatchObject({ kind: "accepted" });
    expect(forms.map((form) => form.get("policy"))).toEqual(["policy 1", "policy 2"]);
  });

  test("once only", async () => {
    const { forms, policies, post } = stage([EXPIRED, EXPIRED, ACCEPTED]);
    await expect(uploadFile(FILE, "keep", policies, {}, post)).resolves.toMatchObject({
      reason: "policyExpired",
    });
    expect(forms).toHaveLength(2);
  });

  test.each([
    [{ status: 203, body: "", requestId: null }, "storedOnly"],
    [{ status: 503, body: "", requestId: null }, "refused"],
    [new NoAnswer(), "refused"],
  ] as const)("nothing else is sent twice", async (answer, kind) => {
    const { forms, policies, post } = stage([answer, ACCEPTED]);
    await expect(uploadFile(FILE, "keep", policies, {}, post)).resolves.toMatchObject({ kind });
    expect(forms).toHaveLength(1);
  });

  test("cancelled before it starts, nothing is sent", async () => {
    const { forms, policies, post } = stage([ACCEPTED]);
    const signal = AbortSignal.abort();
    await expect(uploadFile(FILE, "keep", policies, { signal }, post)).rejects.toThrow();
    expect(forms).toHaveLength(0);
  });
});
