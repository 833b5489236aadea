// Ports for programs that have to be told one. `ports.py` beside this says why not port 0.

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const LOWEST = 10240;
const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
const USUAL_BEGIN = 32768;

/** A port of 127.0.0.1 that nothing listens at, and that the kernel gives to nothing else. */
export async function freePort() {
  const begin = existsSync(RANGE) ? Number.parseInt(readFileSync(RANGE, "utf8"), 10) : USUAL_BEGIN;
  for (let tried = 0; tried < 100; tried += 1) {
    const port = randomInt(LOWEST, begin);
    const probe = createServer().listen(port, "127.0.0.1");
    try {
      await once(probe, "listening");
    } catch {
      continue;
    }
    probe.close();
    await once(probe, "close");
    return port;
  }
  throw new Error(`no free port from ${LOWEST} to ${begin}`);
}
