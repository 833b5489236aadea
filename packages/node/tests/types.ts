/** Compiled, never run: what the types let one write, and what they do not. */
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";

import {
  CallbackVerifier,
  PolicyBuilder,
  SignedPolicy,
  type VerifiedCallback,
  type VerifyErrorCode,
} from "upcall";
import { receiveCallback as forExpress } from "upcall/express";
import { receiveCallback as forFastify } from "upcall/fastify";
import { receiveCallback as forHono } from "upcall/hono";
import { type TestBucket, UpcallServer } from "upcall/testing";

const signer = { accessKeyId: "ak", accessKeySecret: "sk", region: "cn-hangzhou" };
const policy = new PolicyBuilder(new Date()).bucket("photos").build();

export const expire: number = SignedPolicy.v1(signer, policy).host("h").toJSON().expire;
export const credential: string = SignedPolicy.v4(signer, policy).toJSON().x_oss_credential;
// @ts-expect-error V4 needs a region
SignedPolicy.v4({ accessKeyId: "ak", accessKeySecret: "sk" }, policy);
// @ts-expect-error the answers of the generations differ
SignedPolicy.v4(signer, policy).toJSON().accessid;

const verifier = new CallbackVerifier();
const request = { method: "POST", target: "/", headers: ["a", "b"], rawBody: Buffer.alloc(0) };
export const verified: Promise<VerifiedCallback> = verifier.verify(request);
verifier.verify({ ...request, headers: new Headers() });
verifier.verify({ ...request, headers: { a: "b", c: ["d"], e: undefined } });
verifier.verify({ ...request, headers: [["a", "b"]] });
// @ts-expect-error a text has lost its bytes
verifier.verify({ ...request, rawBody: "a=b" });
// @ts-expect-error there is no such code
export const code: VerifyErrorCode = "wrong";

express().post(
  "/",
  forExpress(verifier, (callback, req) => ({ object: callback.form().get("object"), ip: req.ip })),
);
Fastify().register(
  forFastify(verifier, (callback, req) => ({ id: req.id, json: callback.json() }), { path: "/" }),
);
// @ts-expect-error a plugin needs its route's path
forFastify(verifier, () => {}, {});
new Hono<{ Variables: { user: string } }>().post(
  "/",
  forHono(verifier, (callback, c) => c.json(callback.json() as object)),
);

export async function useBucket(bucket: TestBucket): Promise<string | null> {
  await bucket.fault({ on: "call", kind: "slow", delayMs: 1 });
  // @ts-expect-error there is no such fault
  await bucket.fault({ on: "call", kind: "slowly" });
  return (await bucket.waitForCallback({ key: "a" })).form().get("object");
}
export const server: Promise<UpcallServer> = UpcallServer.start();
