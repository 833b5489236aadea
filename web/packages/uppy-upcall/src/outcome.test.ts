import { describe, expect, test } from "vitest";
import { type Reason, isFinal, outcomeOfError, readOutcome } from "./outcome.ts";
import { PolicyError } from "./policy.ts";
import { NoAnswer } from "./send.ts";

const xml = (code: string, message: string, extra = "") =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>${code}</Code>\n  <Message>${message}</Message>\n` +
  `  <RequestId>5C3D9175B6FC201293AD0001</RequestId>\n  <HostId>photos.localhost</HostId>\n  ${extra}\n</Error>\n`;

const answer = (status: number, body: string) => ({ status, body, requestId: "FROM-THE-HEADER", retryAfterMs: null });

describe("the three ends", () => {
  test("200 is the application's yes, with its answer as it came", () => {
    expect(readOutcome(answer(200, '{"Status":"OK"}'))).toEqual({
      kind: "accepted",
      answer: '{"Status":"OK"}',
      requestId: "FROM-THE-HEADER",
    });
  });

  test("203 is stored, but not agreed to, although it is a 2xx", () => {
    const body = xml("CallbackFailed", "Error status : 400.", "<Hint>answer 200 &amp; JSON</Hint>");
    expect(readOutcome(answer(203, body))).toEqual({
      kind: "storedNotAccepted",
      words: {
        code: "CallbackFailed",
        message: "Error status : 400.",
        hint: "answer 200 & JSON",
        requestId: "5C3D9175B6FC201293AD0001",
      },
    });
  });

  test("202 is there, and waits for the application, although it is a 2xx", () => {
    const body = xml("CallbackPending", "The object becomes visible when …", "<Verdict>pending</Verdict>");
    expect(readOutcome(answer(202, body))).toMatchObject({ kind: "pending" });
  });

  test("the application's own no, in JSON or said for it, is final; nobody to ask is not", () => {
    const declined = { kind: "refused", reason: "applicationDeclined" };
    expect(readOutcome(answer(422, '{"why":"no cat"}'))).toMatchObject(declined);
    const said = xml("AccessDenied", "The application has refused this upload.", "<Verdict>refused</Verdict>");
    expect(readOutcome(answer(403, said))).toMatchObject(declined);
    const silent = xml("ServiceUnavailable", "Cost too long time.", "<Verdict>unavailable</Verdict>");
    const outcome = readOutcome(answer(503, silent));
    expect(outcome).toMatchObject({ kind: "refused", reason: "applicationSilent" });
    expect([isFinal("applicationDeclined"), isFinal("applicationSilent")]).toEqual([true, false]);
  });

  test.each<[number, string, string, Reason]>([
    [400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.", "tooLarge"],
    [400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed size.", "tooSmall"],
    [403, "AccessDenied", "Invalid according to Policy: Policy expired.", "policyExpired"],
    [
      403,
      "AccessDenied",
      'Invalid according to Policy: Policy Condition failed: ["in", "$content-type", ["image/png"]]',
      "wrongType",
    ],
    [
      403,
      "AccessDenied",
      'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/content-type/"]',
      "notAllowed",
    ],
    [403, "AccessDenied", "You have no right to access this object because of bucket acl.", "notAllowed"],
    [403, "SignatureDoesNotMatch", "The request signature we calculated …", "wrongSignature"],
    [403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist …", "wrongSignature"],
    [409, "FileAlreadyExists", "The object you specified already exists …", "exists"],
    [400, "InvalidArgument", "Bucket POST must contain a field named 'key'.", "storageRefused"],
    [500, "InternalError", "Please contact the server administrator.", "storageFault"],
    [503, "ServiceUnavailable", "Please reduce your request rate.", "storageFault"],
  ])("%i %s is a refusal with a reason", (status, code, message, reason) => {
    expect(readOutcome(answer(status, xml(code, message)))).toMatchObject({
      kind: "refused",
      reason,
      words: { code, message },
    });
  });

  test.each(["<html><body>Bad gateway</body></html>", "Bad gateway"])(
    "the page of a proxy is shown as it is: %s",
    (body) => {
      expect(readOutcome(answer(502, body))).toEqual({
        kind: "refused",
        reason: "storageFault",
        words: { code: "HTTP 502", message: body, hint: null, requestId: "FROM-THE-HEADER" },
      });
    },
  );

  test("a message of any length is cut", () => {
    for (const body of [xml("X", "a".repeat(1_000_000)), "a".repeat(1_000_000)]) {
      const outcome = readOutcome(answer(400, body));
      expect(outcome.kind === "refused" && outcome.words?.message).toBe("a".repeat(1_000));
    }
  });

  test("markup in a message stays text", () => {
    const outcome = readOutcome(answer(400, xml("InvalidArgument", "&lt;img src=x&gt; is no name")));
    expect(outcome).toMatchObject({ words: { message: "<img src=x> is no name" } });
  });
});

describe("without an answer of the storage server", () => {
  test.each([
    [new PolicyError("unreachable", null), "applicationUnreachable", null],
    [new PolicyError("refused", "sign in", 401), "applicationRefused", "HTTP 401"],
    [new PolicyError("unusable", "<h1>"), "applicationUnusable", null],
    [new NoAnswer(), "storageUnreachable", undefined],
  ])("%s", (error, reason, code) => {
    const outcome = outcomeOfError(error);
    expect(outcome).toMatchObject({ kind: "refused", reason });
    if (outcome.kind === "refused") expect(outcome.words?.code ?? null).toBe(code ?? null);
  });

  test("a bug is not dressed up as an outcome", () => {
    expect(() => outcomeOfError(new RangeError("bug"))).toThrow(RangeError);
  });
});
