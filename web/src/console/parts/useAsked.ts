/** A question to the server, and its answer as it comes. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api";

export interface Asked<T> {
  data: T | null;
  error: ApiError | null;
  refresh: () => void;
}

/** Asks when `path` changes, and when it is told to; an old answer never takes the place of a newer one. */
export function useAsked<T>(path: string): Asked<T> {
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    ask("GET", path, undefined, stop.signal).then(
      (answer) => {
        setData(answer as T);
        setError(null);
      },
      (reason: unknown) => {
        if (reason instanceof ApiError) setError(reason);
      },
    );
    return () => stop.abort();
  }, [path, round]);
  // What was asked for before is not what is asked for now.
  const asked = useRef(path);
  if (asked.current !== path) {
    asked.current = path;
    setData(null);
    setError(null);
  }
  const refresh = useCallback(() => setRound((last) => last + 1), []);
  return { data, error, refresh };
}

export interface Doing {
  isBusy: boolean;
  error: ApiError | null;
  /** Does it, unless something is being done; says whether it worked. */
  run: (what: () => Promise<void>) => Promise<boolean>;
}

/** Something that the person has the server do. */
export function useDoing(): Doing {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const busy = useRef(false);
  const run = useCallback(async (what: () => Promise<void>): Promise<boolean> => {
    if (busy.current) return false;
    busy.current = true;
    setBusy(true);
    setError(null);
    try {
      await what();
      return true;
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      setError(reason);
      return false;
    } finally {
      busy.current = false;
      setBusy(false);
    }
  }, []);
  return { isBusy, error, run };
}
