/** The adapters, each in a real server of its framework: what they keep raw, and what they answer. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";

import { serve } from "@hono/node-server";
import express from "express";
import express4 from "express4";
import Fastify from "fastify";
import { Hono } from "hono";

import { Binding, CallbackVerifier } from "upcall";
import * as forExpress from "upcall/express";
import * as forFastify from "upcall/fastify";
import * as forHono from "upcall/hono";
import { CallbackClient } from "upcall/testing";

let sender;
let verifier;
let bound;
const binding = new Binding("a secret of the application");
before(async () => {
  sender = await CallbackClient.start({ bits: 1024 });
  verifier = new CallbackVerifier({ keyUrls: sender.keyUrls });
  bound = new CallbackVerifier({ keyUrls: sender.keyUrls, binding });
});
after(() => sender.close());

/** What every application here does: the object `forbidden` is refused, `broken` makes it fail. */
function handle(callback, setStatus) {
  // Not `form()`: it takes no bytes that are no UTF-8, and the adapters must keep them.
  const object = new URLSearchParams(callback.rawBody.toString("latin1")).get("object");
  if (object === "broken") throw new Error("no database");
  if (object === "read") callback.form();
  if (object === "bound/cat.jpg") return { user: callback.permission.user };
  if (object === "forbidden") {
    setStatus(403);
    return { Status: "not yours" };
  }
  return object === "silent"
    ? undefined
    : { Status: "OK", object, bytes: callback.rawBody.toString("hex") };
}

const LIMIT = 1000;

/** Starts the application, mounted below `/api`, next to a parser of bodies that comes after it. */
const FRAMEWORKS = {
  "Express 5": (options) => startExpress(express, options),
  "Express 4": (options) => startExpress(express4, options),

  async Fastify(options) {
    // A proxy's prefix is cut off, so that `url` is not what was signed.
    const app = Fastify({ rewriteUrl: ({ url }) => url.replace("/api", "/inner") });
    const onCallback = (callback, _request, reply) =>
      handle(callback, (status) => reply.code(status));
    const judge = options.isBound ? bound : verifier;
    app.register(forFastify.receiveCallback(judge, onCallback, { ...options, path: "/*" }), {
      prefix: "/inner",
    });
    app.post("/form", async (request) => request.body);
    app.setErrorHandler((error, _request, reply) =>
      reply.code(error.statusCode ?? 500).send({ error: error.message }),
    );
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { url: `http://127.0.0.1:${app.server.address().port}`, close: () => app.close() };
  },

  async Hono(options) {
    const app = new Hono();
    const onCallback = (callback, context) => handle(callback, (status) => context.status(status));
    const inner = new Hono().post(
      "/*",
      forHono.receiveCallback(options.isBound ? bound : verifier, onCallback, options),
    );
    app.route("/api", inner);
    app.post("/form", async (context) => context.json(await context.req.json()));
    app.onError((error, context) => context.json({ error: error.message }, 500));
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
        resolve({ url: `http://127.0.0.1:${port}`, close: () => closed(server) });
      });
    });
  },
};

async function startExpress(express, options) {
  const app = express();
  const router = express.Router();
  const onCallback = (callback, _request, response) =>
    handle(callback, (status) => response.status(status));
  router.post(
    /.*/,
    forExpress.receiveCallback(options.isBound ? bound : verifier, onCallback, options),
  );
  app.use("/api", router);
  app.use(express.json(), express.urlencoded({ extended: false }));
  app.post("/form", (request, response) => void response.json(request.body));
  app.use(
    (error, _request, response, _next) => void response.status(500).json({ error: error.message }),
  );
  return listening(createServer(app));
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => closed(server) };
}

function closed(server) {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  describe(name, () => {
    const refused = [];
    let app;
    before(async () => {
      app = await start({ limitBytes: LIMIT, onRefused: (error) => refused.push(error.code) });
    });
    after(() => app.close());

    /** The answer as the storage server wants it: its length said, and nothing but JSON. */
    const check = (answer, status, json) => {
      assert.equal(answer.status, status, answer.body.toString());
      assert.deepEqual(answer.json(), json);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.headers["content-length"], String(answer.body.length));
      assert.equal(answer.headers["transfer-encoding"], undefined);
    };
    const accepted = (body, object) => ({
      Status: "OK",
      object,
      bytes: Buffer.from(body).toString("hex"),
    });

    for (const target of [
      "/api/callback",
      "/api/callback?b=2&a=1&c=%2F&d=a+b&e=%20&f",
      "/api/callback?",
      "/api/a%20b/%E4%B8%AD/%2Fc+d?x=//",
      "/api/a//b/./c",
      "/api/A%7Eb~'()*!$&,;=:@",
    ]) {
      test(`${target} arrives as it was signed`, async () => {
        const body = "object=user%2Feric%2Fcat.jpg&x=a+b%20c";
        check(await sender.send(app.url + target, body), 200, accepted(body, "user/eric/cat.jpg"));
      });
    }

    test("bodies of any type and content are kept as they are", async () => {
      const bytes = Buffer.concat([
        Buffer.from("object=a&x="),
        Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0, 10, 13]),
      ]);
      for (const contentType of [
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
        "image/x; y=z",
      ]) {
        check(
          await sender.send(`${app.url}/api/cb`, bytes, { contentType }),
          200,
          accepted(bytes, "a"),
        );
        check(await sender.send(`${app.url}/api/cb`, "", { contentType }), 200, accepted("", null));
      }
    });

    test("a handler that reads a body which two readers could read in two ways answers 400", async () => {
      refused.length = 0;
      for (const body of ["object=read&a=1&a=2", "object=read&a=%FF"]) {
        check(await sender.send(`${app.url}/api/cb`, body), 400, { Status: "body not understood" });
      }
      assert.deepEqual(refused, ["body", "body"]);
    });

    test("a verifier with a binding refuses what nobody permitted, and says whom it was", async () => {
      const strict = await start({ limitBytes: LIMIT, isBound: true });
      const permission = { bucket: "b", prefix: "bound/", user: "eric", expires: 9_999_999_999 };
      const form = { bucket: "b", object: "bound/cat.jpg", binding: binding.make(permission) };
      check(await sender.send(`${strict.url}/api/cb`, form), 200, { user: "eric" });
      const others = { ...form, object: "mallory/cat.jpg" };
      check(await sender.send(`${strict.url}/api/cb`, others), 403, { Status: "not permitted" });
      await strict.close();
    });

    for (const tamper of ["body", "path", "query", "key"]) {
      test(`another ${tamper} is refused`, async () => {
        refused.length = 0;
        check(await sender.send(`${app.url}/api/cb?x=1`, "object=a", { tamper }), 400, {
          Status: "verify not ok",
        });
        assert.deepEqual(refused, ["signature"]);
      });
    }

    test("a doubled header is not missed", async () => {
      for (const name of [
        "authorization",
        "X-OSS-Pub-Key-Url",
        "content-md5",
        "x-oss-signature-version",
      ]) {
        refused.length = 0;
        const signed = sender.sign("/api/cb", "object=a");
        const value = signed.headers.find(([has]) => has.toLowerCase() === name.toLowerCase())[1];
        const [head] = await overSocket(app.url, {
          ...signed,
          headers: [...signed.headers, [name, value]],
        });
        assert.match(head, /^HTTP\/1.1 400 /, name);
        assert.deepEqual(refused, ["header-twice"], name);
      }
    });

    test("what the application says is answered, and what it throws is its own fault", async () => {
      check(await sender.send(`${app.url}/api/cb`, "object=forbidden"), 403, {
        Status: "not yours",
      });
      check(await sender.send(`${app.url}/api/cb`, "object=silent"), 200, { Status: "OK" });
      const broken = await sender.send(`${app.url}/api/cb`, "object=broken");
      assert.equal(broken.status, 500);
      assert.deepEqual(broken.json(), { error: "no database" });
    });

    test("a body at the limit is read, a longer one is answered with 413", async () => {
      const body = "object=a&x=".padEnd(LIMIT, "y");
      check(await sender.send(`${app.url}/api/cb`, body), 200, accepted(body, "a"));
      const long = await sender.send(`${app.url}/api/cb`, `${body}y`);
      assert.equal(long.status, 413);
    });

    test("the application's own bodies are parsed as before", async () => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`${app.url}/form`, { method: "POST", headers, body: '{"a":1}' });
      assert.deepEqual(await answer.json(), { a: 1 });
    });
  });
}

describe("a parser that ran before", () => {
  const answerOf = async (start, contentType, body) => {
    const app = await start();
    try {
      const answer = await sender.send(`${app.url}/cb`, body, { contentType });
      return { status: answer.status, text: answer.body.toString() };
    } finally {
      await app.close();
    }
  };
  const accept = () => ({ Status: "OK" });
  const expressAfter = (parser) => () => {
    const app = express();
    app.use(parser);
    app.post("/cb", forExpress.receiveCallback(verifier, accept));
    app.use((error, _request, response, _next) => void response.status(500).send(error.message));
    return listening(createServer(app));
  };
  const honoAfter = (read) => async () => {
    const app = new Hono();
    app.use(async (context, next) => {
      await read(context);
      await next();
    });
    app.post("/cb", forHono.receiveCallback(verifier, accept));
    app.onError((error, context) => context.text(error.message, 500));
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
        resolve({ url: `http://127.0.0.1:${port}`, close: () => closed(server) });
      });
    });
  };
  const fastifyAfter = async () => {
    const app = Fastify();
    app.addHook("preValidation", async (request) => {
      request.body = Object.fromEntries(new URLSearchParams(request.body.toString()));
    });
    app.register(forFastify.receiveCallback(verifier, accept, { path: "/cb" }));
    app.setErrorHandler((error, _request, reply) => reply.code(500).send(error.message));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { url: `http://127.0.0.1:${app.server.address().port}`, close: () => app.close() };
  };
  const FORM = ["application/x-www-form-urlencoded", "object=a%2Fb"];
  const JSON_BODY = ["application/json", '{ "object": "a" }'];

  for (const [name, start, [contentType, body]] of [
    ["express.urlencoded", expressAfter(express.urlencoded()), FORM],
    ["express.json", expressAfter(express.json()), JSON_BODY],
    ["express.text", expressAfter(express.text({ type: "*/*" })), FORM],
    ["Hono's c.req.json", honoAfter((context) => context.req.json()), JSON_BODY],
    ["a hook of Fastify's", fastifyAfter, FORM],
    ["Hono's c.req.text", honoAfter((context) => context.req.text()), FORM],
    ["the raw request's text", honoAfter((context) => context.req.raw.text()), FORM],
  ]) {
    test(`${name}: the error says so`, async () => {
      const { status, text } = await answerOf(start, contentType, body);
      assert.equal(status, 500, text);
      assert.match(text, /was read before upcall could/);
    });
  }

  test("who has kept the bytes is understood", async () => {
    for (const start of [
      expressAfter(express.raw({ type: "*/*" })),
      honoAfter((context) => context.req.arrayBuffer()),
      honoAfter((context) => context.req.parseBody()),
    ]) {
      const { status, text } = await answerOf(start, ...FORM);
      assert.equal(status, 200, text);
    }
  });
});

describe("Hono without Node's server", () => {
  const app = () =>
    new Hono().post(
      "/*",
      forHono.receiveCallback(verifier, (callback) => ({ object: callback.form().get("object") })),
    );
  const request = (signed, headers = signed.headers) =>
    new Request(`https://app.example${signed.target}`, {
      method: "POST",
      headers,
      body: signed.rawBody,
    });

  test("a plain address verifies, from the request's URL alone", async () => {
    for (const target of ["/cb", "/cb?x=%2F&y=a+b", "/a%20b?"]) {
      const answer = await app().request(request(sender.sign(target, "object=a")));
      assert.equal(answer.status, 200, target);
      assert.deepEqual(await answer.json(), { object: "a" });
    }
  });

  test("one that a URL parser writes in another way does not", async () => {
    const answer = await app().request(request(sender.sign("/a/../cb", "object=a")));
    assert.equal(answer.status, 400);
  });

  test("a doubled header, which `Headers` joins, is not missed", async () => {
    const signed = sender.sign("/cb", "object=a");
    const headers = [...signed.headers, signed.headers.find(([name]) => name === "Authorization")];
    assert.equal((await app().request(request(signed, headers))).status, 400);
  });
});

/** Head and body of the answer to a request whose headers are written as they stand. */
function overSocket(url, { method, target, headers, rawBody }) {
  const { hostname, port, host } = new URL(url);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: close",
    `Content-Length: ${rawBody.length}`,
  ];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      socket.write(rawBody);
    });
    let text = "";
    socket.setEncoding("latin1").on("data", (piece) => (text += piece));
    socket.on("error", reject).on("end", () => resolve(text.split("\r\n\r\n")));
  });
}
