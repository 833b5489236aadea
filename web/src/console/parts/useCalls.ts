/**
 * The recorded calls, the newest first, and those that follow as they end: the server is asked for the
 * next one, and answers when there is one.
 */
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask, query } from "../api";
import type { CallSummary } from "../facts";

/** Rows that are shown; a person does not read more. */
const MOST_ROWS = 200;
const WAIT = "25s";
const PAUSE_AFTER_FAULT_MS = 3_000;

export interface Calls {
  calls: CallSummary[] | null;
  error: ApiError | null;
}

export function useCalls(outcome: string, isLive: boolean): Calls {
  const [calls, setCalls] = useState<CallSummary[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const list = async (after: string | null): Promise<CallSummary[]> => {
      const path = `/v1/callbacks${query({ outcome, after, limit: MOST_ROWS })}`;
      const { calls: found } = (await ask("GET", path, undefined, stop.signal)) as { calls: CallSummary[] };
      return found.reverse();
    };
    const follow = async (): Promise<void> => {
      let known = await list(null);
      setCalls(known);
      setError(null);
      while (isLive) {
        const after = known[0]?.id ?? NONE;
        const path = `/v1/callbacks/next${query({ outcome, after, timeout: WAIT })}`;
        const next = await ask("GET", path, undefined, stop.signal);
        if (next === null) continue;
        // Others may have ended meanwhile.
        const more = await list(after);
        known = [...more, ...known].slice(0, MOST_ROWS);
        setCalls(known);
      }
    };
    const keepFollowing = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        try {
          return await follow();
        } catch (reason) {
          if (!(reason instanceof ApiError)) return; // the page was left
          setError(reason);
          if (reason.status === 401) return;
          await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_FAULT_MS));
        }
      }
    };
    void keepFollowing();
    return () => stop.abort();
  }, [outcome, isLive]);
  return { calls, error };
}

/** Before every id. */
const NONE = "0000000000000000";
