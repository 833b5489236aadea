/** Collects what became of each file, from Uppy's events. */
import type { Body, Meta, UppyFile } from "@uppy/core";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Outcome } from "uppy-upcall";
import { explain } from "../explain";
import type { Messages } from "../messages";
import type { Settings } from "../settings";
import type { PageUppy } from "../uploader";

/** One file and how it ended. */
export interface Result {
  id: number;
  name: string;
  type: string;
  data: Blob;
  outcome: Outcome;
}

export interface Results {
  /** Newest first. */
  results: Result[];
  /** For screen readers: the latest thing that happened. */
  announcement: string;
  remove: (id: number) => void;
  clear: () => void;
}

type PageFile = UppyFile<Meta, Body>;

/** More than this nobody reads; the oldest go first, with the memory of their files. */
const MOST_RESULTS = 200;

export function useResults(uppy: PageUppy, settings: Settings, messages: Messages): Results {
  const [results, setResults] = useState<Result[]>([]);
  const [announcement, setAnnouncement] = useState("");
  const words = useRef(messages);
  words.current = messages;

  useEffect(() => {
    let lastId = 0;
    const told = new Set<string>();

    const add = ({ name, type, data }: PageFile, outcome: Outcome): void => {
      if (!(data instanceof Blob)) return;
      lastId += 1;
      const result = { id: lastId, name, type, data, outcome };
      setResults((earlier) => [result, ...earlier].slice(0, MOST_RESULTS));
      setAnnouncement(words.current.announce(name, explain(outcome, words.current).title));
    };
    const onOutcome = (file: PageFile, outcome: Outcome): void => {
      told.add(file.id);
      add(file, outcome);
    };
    const onRestriction = (file: PageFile | undefined): void => {
      if (file === undefined) return;
      if (uppy.checkIfFileAlreadyExists(file.id)) {
        setAnnouncement(words.current.duplicate(file.name));
        return;
      }
      const tooLarge = settings.maxBytes !== null && (file.size ?? 0) > settings.maxBytes;
      add(file, { kind: "refused", reason: tooLarge ? "tooLarge" : "wrongType", words: null });
    };
    // What has been told below leaves the upper half, which then waits for the next files.
    const onComplete = (): void => {
      uppy.removeFiles([...told].filter((id) => uppy.getState().files[id] !== undefined));
      told.clear();
    };

    uppy.on("upcall:outcome", onOutcome);
    uppy.on("restriction-failed", onRestriction);
    uppy.on("complete", onComplete);
    return () => {
      uppy.off("upcall:outcome", onOutcome);
      uppy.off("restriction-failed", onRestriction);
      uppy.off("complete", onComplete);
    };
  }, [uppy, settings]);

  const remove = useCallback((id: number): void => {
    setResults((earlier) => earlier.filter((result) => result.id !== id));
  }, []);
  const clear = useCallback((): void => setResults([]), []);
  return { results, announcement, remove, clear };
}
