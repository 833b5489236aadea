/** Starts `upcall dev` on free ports and in a folder of its own, and stops it again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What `upcall dev --json` prints when it is ready. */
export interface ReadyLine {
  storage: string;
  admin: string;
  accessKeyId: string;
  accessKeySecret: string;
}

/** A program that runs until it is stopped, or this process ends. */
export interface StartedProgram {
  readonly ready: ReadyLine;
  stop(): Promise<void>;
}

export async function startProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<StartedProgram> {
  const folder = await mkdtemp(join(tmpdir(), "upcall-test-"));
  const free = "127.0.0.1:0";
  const addresses = ["--storage", free, "--app", free, "--admin", free];
  // What is set for some other server, a folder or an address say, must not reach this one.
  const rest = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^UPCALL/i.test(name) || name === ADMIN_SECRET),
  );
  const child = spawn(
    program,
    ["dev", "--json", "--data", join(folder, "data"), ...addresses, ...args],
    {
      env: rest,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const end = (): void => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", end);
  const stop = async (): Promise<void> => {
    process.off("exit", end);
    await terminate(child);
    end();
  };
  try {
    const ready = await readyLine(child, program);
    letGo(child);
    return { ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readyLine(child: ChildProcess, program: string): Promise<ReadyLine> {
  let log = "";
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (text: string) => (log = (log + text).slice(-LOG_CHARACTERS)));
  let timer: NodeJS.Timeout | undefined;
  const line = new Promise<string>((resolve, reject) => {
    const told = (what: string): Error =>
      new Error(log === "" ? what : `${what}:\n${log.trimEnd()}`);
    timer = setTimeout(
      () => reject(told(`\`${program} dev\` was not ready in time`)),
      READY_TIMEOUT_MS,
    );
    child.once("error", (cause) => {
      const advice =
        "set `UPCALL` to the program, put `upcall` on the `PATH`, or name a running server with `UPCALL_ADMIN_URL`";
      reject(new Error(`\`${program}\` cannot be started; ${advice}`, { cause }));
    });
    child.once("close", (status) => reject(told(`\`${program} dev\` ended with status ${status}`)));
    if (child.stdout !== null) createInterface(child.stdout).once("line", resolve);
  });
  try {
    return read(await line, program);
  } finally {
    clearTimeout(timer);
  }
}

/** A program of another version, or another program of that name, may print something else. */
function read(line: string, program: string): ReadyLine {
  let facts: unknown;
  try {
    facts = JSON.parse(line);
  } catch {
    // Told below.
  }
  if (!isReady(facts)) {
    throw new Error(
      `\`${program} dev --json\` printed no addresses; is it an upcall that fits this package?`,
    );
  }
  return facts;
}

function isReady(facts: unknown): facts is ReadyLine {
  const members: Record<string, unknown> = { ...(facts as object | undefined) };
  return ["storage", "admin", "accessKeyId", "accessKeySecret"].every(
    (name) => typeof members[name] === "string",
  );
}

/** A test that forgets to stop the program must end all the same; its output is read and dropped. */
function letGo(child: ChildProcess): void {
  child.stdout?.resume();
  child.stderr?.removeAllListeners("data").resume();
  child.unref();
  for (const stream of [child.stdout, child.stderr])
    (stream as { unref?: () => void } | null)?.unref?.();
}

async function terminate(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  child.kill("SIGTERM");
  await once(child, "exit");
  clearTimeout(timer);
}

export const ADMIN_SECRET = "UPCALL_ADMIN_SECRET";

/** A machine that compiles beside it is slow; without that it takes a tenth of a second. */
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const LOG_CHARACTERS = 4_096;
