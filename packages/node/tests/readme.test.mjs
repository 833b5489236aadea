/** The snippets of the README, run as they stand; the comment before each says how. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, test } from "node:test";

import { freePort } from "../../../tests/common/ports.mjs";
import { Binding } from "upcall";
import { CallbackClient } from "upcall/testing";

const README = await readFile(new URL("../README.md", import.meta.url), "utf8");
// Within the package, so that `upcall` is found by its own name.
const FOLDER = new URL(".readme/", import.meta.url);
const SNIPPETS = [...README.matchAll(/(?:<!-- (\w+) -->\n)?```js\n([^]*?)```/g)].map(
  ([, how, code], at) => ({ how, code, at }),
);

let sender;
before(async () => {
  await mkdir(FOLDER, { recursive: true });
  sender = await CallbackClient.start({ bits: 1024 });
});
after(async () => {
  await sender.close();
  await rm(FOLDER, { recursive: true });
});

test("every snippet says how it is run", () => {
  assert.deepEqual(
    SNIPPETS.map(({ how }) => how),
    ["server", "run", "run", "server", "server", "server", "test", "test"],
  );
});

const RUN = {
  async run(file) {
    const { status, output } = await ended(start([file], {}));
    assert.equal(status, 0, output);
    assert.match(output, /ak(\/|%2F)\d{8}\1cn-hangzhou\1oss\1aliyun_v4_request/);
  },

  async test(file) {
    // Otherwise the inner run reports to the outer one.
    const { status, output } = await ended(
      start(["--test", "--test-reporter=tap", file], { NODE_TEST_CONTEXT: undefined }),
    );
    assert.equal(status, 0, output);
    assert.match(output, /^# pass [12]$/m);
  },

  async server(file) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/callback`;
    const child = start([file], {
      PORT: String(port),
      OSS_ACCESS_KEY_ID: "ak",
      OSS_ACCESS_KEY_SECRET: "sk",
      OSS_HOST: "http://127.0.0.1:1/photos/",
      OSS_BUCKET: "photos",
      CALLBACK_URL: url,
      CALLBACK_KEY_URLS: sender.keyUrl,
    });
    const closed = ended(child);
    try {
      await Promise.race([
        reachable(port),
        closed.then(({ output }) => Promise.reject(new Error(output))),
      ]);
      const isBound = file.pathname.endsWith("/0.mjs");
      const form = { bucket: "photos", object: isBound ? "user/eric/猫.jpg" : "猫.jpg", size: 5 };
      const permission = { bucket: "photos", prefix: "user/eric/", user: "eric", expires: 9e9 };
      const bound = isBound ? { ...form, binding: new Binding("sk").make(permission) } : form;
      const genuine = await sender.send(url, bound);
      assert.equal(genuine.status, 200);
      const user = isBound ? { user: "eric" } : {};
      assert.deepEqual(genuine.json(), { Status: "OK", object: form.object, ...user });
      if (isBound) assert.equal((await sender.send(url, form)).status, 403);
      const forged = await sender.send(url, { object: "a" }, { tamper: "body" });
      assert.equal(forged.status, 400);
      assert.deepEqual(forged.json(), { Status: "verify not ok" });
      if (isBound) {
        const policy = await (await fetch(`http://127.0.0.1:${port}/policy`)).json();
        assert.deepEqual(Object.keys(policy), [
          "accessid",
          "host",
          "policy",
          "signature",
          "expire",
          "callback",
          "dir",
        ]);
      }
    } finally {
      child.kill();
      await closed;
    }
  },
};

for (const { how, code, at } of SNIPPETS) {
  test(`snippet ${at}, a ${how}`, async () => {
    const file = new URL(`${at}.mjs`, FOLDER);
    await writeFile(file, code);
    await RUN[how](file);
  });
}

function start(args, env) {
  const paths = args.map((argument) => (argument instanceof URL ? argument.pathname : argument));
  return spawn(process.execPath, paths, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function ended(child) {
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  const [status] = await once(child, "close");
  return { status, output };
}

/** Whether somebody listens cannot be waited for, only asked; for ten seconds. */
async function reachable(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the snippet does not listen");
}
