import { afterEach, describe, expect, test, vi } from "vitest";
import { PolicyError, PolicySource, getPolicy, parsePolicy } from "./policy.ts";

const ANSWER = {
  accessid: "key",
  host: "http://photos.example",
  policy: btoa('{"expiration":"2026-11-24T10:00:00.000Z","conditions":[]}'),
  signature: "sig=",
  expire: 1_795_514_400,
  callback: "e30=",
  dir: "user/eric/",
};

describe("reading the answer", () => {
  test("the fields come in the documented order, as they were signed", () => {
    const signed = parsePolicy(JSON.stringify(ANSWER));
    expect(signed.host).toBe("http://photos.example");
    expect(signed.dir).toBe("user/eric/");
    expect(Object.entries(signed.fields)).toEqual([
      ["policy", ANSWER.policy],
      ["OSSAccessKeyId", "key"],
      ["success_action_status", "200"],
      ["callback", "e30="],
      ["signature", "sig="],
    ]);
  });

  test.each([1_795_514_400, "1795514400"])("expire may be %j", (expire) => {
    const signed = parsePolicy(JSON.stringify({ ...ANSWER, expire }));
    expect(signed.expiresAt).toEqual(new Date(1_795_514_400_000));
  });

  test("without expire, the policy itself says it", () => {
    const signed = parsePolicy(JSON.stringify({ ...ANSWER, expire: undefined }));
    expect(signed.expiresAt).toEqual(new Date("2026-11-24T10:00:00.000Z"));
  });

  test("where neither says it, it is unknown", () => {
    const signed = parsePolicy(JSON.stringify({ ...ANSWER, expire: "", policy: "masked" }));
    expect(signed.expiresAt).toBeNull();
  });

  test.each([undefined, ""])("no callback field is sent for callback %j", (callback) => {
    const signed = parsePolicy(JSON.stringify({ ...ANSWER, callback }));
    expect(Object.keys(signed.fields)).not.toContain("callback");
  });

  test.each(["accessid", "host", "policy", "signature"])("an answer without %s is unusable", (member) => {
    const text = JSON.stringify({ ...ANSWER, [member]: undefined });
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ reason: "unusable" }));
  });

  test.each(["http://bucket/", "HTTPS://bucket", "//bucket/", "/bucket/"])("a host may be %j", (host) => {
    expect(parsePolicy(JSON.stringify({ ...ANSWER, host })).host).toBe(host);
  });

  const ODD_HOSTS = ["javascript:alert(1)//", "data:,", "file:///a", "bucket.example", " http://a/", "http://", "http://[", 7];

  test.each(ODD_HOSTS)("a host may not be %j", (host) => {
    const text = JSON.stringify({ ...ANSWER, host });
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ reason: "unusable" }));
  });

  test("members that every object has are no members", () => {
    const text = `{"__proto__":${JSON.stringify(ANSWER)}}`;
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ reason: "unusable" }));
  });

  test.each(["", "<h1>It works!</h1>", "null", "7", "[]"])("%j is no policy", (text) => {
    expect(() => parsePolicy(text)).toThrow(PolicyError);
  });
});

describe("renewal", () => {
  const source = (lifetimes: (number | null)[]) => {
    const clock = { now: 1_000_000 };
    let questions = 0;
    const policies = new PolicySource(
      () => {
        const lifetime = lifetimes[questions] ?? null;
        questions += 1;
        const expiresAt = lifetime === null ? null : new Date(clock.now + lifetime);
        return Promise.resolve({ version: "V1" as const, host: `#${questions}`, dir: "", fields: {}, expiresAt });
      },
      () => clock.now,
    );
    return { clock, policies };
  };

  test("a policy serves further files until three seconds before it expires", async () => {
    const { clock, policies } = source([30_000, 30_000]);
    expect((await policies.current()).host).toBe("#1");
    clock.now += 27_000;
    expect((await policies.current()).host).toBe("#1");
    clock.now += 1;
    expect((await policies.current()).host).toBe("#2");
  });

  test("a policy that is short-lived on arrival is used, once", async () => {
    const { policies } = source([1_000, 1_000]);
    expect((await policies.current()).host).toBe("#1");
    expect((await policies.current()).host).toBe("#2");
  });

  test("a policy that does not say when it expires is used once", async () => {
    const { policies } = source([null, null]);
    expect((await policies.current()).host).toBe("#1");
    expect((await policies.current()).host).toBe("#2");
  });

  test("files that start together share one question", async () => {
    const { policies } = source([30_000, 30_000]);
    const hosts = await Promise.all([policies.current(), policies.current(), policies.current()]);
    expect(hosts.map(({ host }) => host)).toEqual(["#1", "#1", "#1"]);
  });

  test("a discarded policy is not handed out again", async () => {
    const { policies } = source([30_000, 30_000]);
    policies.discard(await policies.current());
    expect((await policies.current()).host).toBe("#2");
  });

  test("discarding an old policy leaves the new one alone", async () => {
    const { policies } = source([30_000, 30_000, 30_000]);
    const first = await policies.current();
    policies.discard(first);
    await policies.current();
    policies.discard(first);
    expect((await policies.current()).host).toBe("#2");
  });

  test("after a failure the next file asks again", async () => {
    let questions = 0;
    const policies = new PolicySource(() => {
      questions += 1;
      if (questions === 1) return Promise.reject(new PolicyError("unreachable", null));
      return Promise.resolve(parsePolicy(JSON.stringify(ANSWER)));
    });
    await expect(policies.current()).rejects.toThrow(PolicyError);
    await expect(policies.current()).resolves.toMatchObject({ dir: "user/eric/" });
  });
});

describe("asking", () => {
  afterEach(() => vi.unstubAllGlobals());

  const answering = (answer: () => Promise<Response>) => vi.stubGlobal("fetch", vi.fn(answer));

  test("a good answer, whatever its content type", async () => {
    answering(() => Promise.resolve(new Response(JSON.stringify(ANSWER), { headers: { "content-type": "text/html" } })));
    await expect(getPolicy("/policy")).resolves.toMatchObject({ host: ANSWER.host });
  });

  test("a refusal keeps the server's words", async () => {
    answering(() =>
      Promise.resolve(new Response('{"error":{"code":"X","message":"sign in first"}}', { status: 401 })),
    );
    await expect(getPolicy("/policy")).rejects.toMatchObject({
      reason: "refused",
      words: "sign in first",
      status: 401,
    });
  });

  test("an answer without end is not waited for", async () => {
    let pieces = 0;
    const endless = () =>
      new ReadableStream({
        pull: (stream) => {
          pieces += 1;
          stream.enqueue(new Uint8Array(65_536).fill(0x20));
        },
      });
    answering(() => Promise.resolve(new Response(endless())));
    await expect(getPolicy("/policy")).rejects.toMatchObject({ reason: "unusable" });
    expect(pieces).toBeLessThan(30);
  });

  test("no answer", async () => {
    answering(() => Promise.reject(new TypeError("failed to fetch")));
    await expect(getPolicy("/policy")).rejects.toMatchObject({ reason: "unreachable", words: null });
  });
});
