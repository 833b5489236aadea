/** The files of this visit: those on their way, and how the others ended. */
import { useCallback, useRef, useState } from "preact/hooks";
import { type Naming, type PolicySource, uploadFile } from "uppy-upcall";
import type { Result } from "../page/useResults";

export interface Running {
  id: number;
  name: string;
  percent: number;
  cancel: () => void;
}

export interface Uploads {
  running: Running[];
  /** Newest first. */
  results: Result[];
  start: (file: File, policies: PolicySource, naming: Naming) => Promise<void>;
  remove: (id: number) => void;
  clear: () => void;
}

/** More than this nobody reads; the oldest go first, with the memory of their files. */
const MOST_RESULTS = 100;

export function useUploads(): Uploads {
  const lastId = useRef(0);
  const [running, setRunning] = useState<Running[]>([]);
  const [results, setResults] = useState<Result[]>([]);

  const start = useCallback(async (file: File, policies: PolicySource, naming: Naming): Promise<void> => {
    lastId.current += 1;
    const id = lastId.current;
    const cancelled = new AbortController();
    const onProgress = (sentBytes: number, totalBytes: number): void => {
      const percent = totalBytes === 0 ? 100 : Math.floor((sentBytes / totalBytes) * 100);
      setRunning((all) => all.map((each) => (each.id === id ? { ...each, percent } : each)));
    };
    const first = { id, name: file.name, percent: 0, cancel: () => cancelled.abort() };
    setRunning((all) => [...all, first]);
    try {
      const outcome = await uploadFile(file, policies, { naming, onProgress, signal: cancelled.signal });
      const result = { id, name: file.name, type: file.type, data: file, outcome };
      setResults((earlier) => [result, ...earlier].slice(0, MOST_RESULTS));
    } catch (error) {
      if (!cancelled.signal.aborted) throw error;
    } finally {
      setRunning((all) => all.filter((each) => each.id !== id));
    }
  }, []);
  const remove = useCallback((id: number): void => {
    setResults((earlier) => earlier.filter((result) => result.id !== id));
  }, []);
  const clear = useCallback((): void => setResults([]), []);
  return { running, results, start, remove, clear };
}
