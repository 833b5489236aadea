/** What leaves this computer, and what becomes of it when the other side is odd. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { NoAnswer, sendForm } from "./send.ts";

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** A storage server with an answer of its own. */
async function listen(answer: RequestListener): Promise<string> {
  server = createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function spiedSignal() {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, "addEventListener");
  const removed = vi.spyOn(controller.signal, "removeEventListener");
  const left = (): number => added.mock.calls.length - removed.mock.calls.length;
  return { controller, left, added };
}

describe("an answer", () => {
  test("leaves no listener behind", async () => {
    const host = await listen((_, response) => response.writeHead(203).end("why"));
    const { controller, left, added } = spiedSignal();
    const answer = await sendForm(host, new FormData(), { signal: controller.signal });
    expect(answer).toMatchObject({ status: 203, body: "why" });
    expect(added).toHaveBeenCalled();
    expect(left()).toBe(0);
  });

  test("without end is none", async () => {
    const host = await listen((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("a".repeat(262_144)));
      };
      response.on("drain", more);
      more();
    });
    await expect(sendForm(host, new FormData())).rejects.toThrow(NoAnswer);
  });
});

describe("without an answer", () => {
  test("a connection that breaks is told as such", async () => {
    const host = await listen((request) => request.socket.destroy());
    await expect(sendForm(host, new FormData())).rejects.toThrow(NoAnswer);
  });

  test("cancelling ends it with the reason, and leaves no listener behind", async () => {
    const { controller, left } = spiedSignal();
    const host = await listen(() => controller.abort(new Error("cancelled")));
    await expect(sendForm(host, new FormData(), { signal: controller.signal })).rejects.toThrow("cancelled");
    expect(left()).toBe(0);
  });

  test("nothing is waited for where the address is none", async () => {
    const { controller, added } = spiedSignal();
    await expect(sendForm("http://[", new FormData(), { signal: controller.signal })).rejects.toThrow();
    expect(added).not.toHaveBeenCalled();
  });
});
