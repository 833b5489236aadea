/** The request id, with a button that copies it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Messages } from "../messages";
import { CopyIcon, TickIcon } from "./icons";

const SHOW_COPIED_MS = 2_000;

export function RequestId({ requestId, messages }: { requestId: string | null; messages: Messages }) {
  const text = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOW_COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);

  if (requestId === null || requestId === "") return null;
  const copy = async (): Promise<void> => {
    if (text.current !== null && (await copyText(requestId, text.current))) setCopied(true);
  };
  return (
    <span class="request-id">
      <span class="label">{messages.requestId}</span>
      <code ref={text}>{requestId}</code>
      <button
        type="button"
        class="icon-button small"
        aria-label={copied ? messages.copied : messages.copy}
        title={copied ? messages.copied : messages.copy}
        onClick={copy}
      >
        {copied ? <TickIcon /> : <CopyIcon />}
      </button>
      <span class="for-ears" role="status">
        {copied ? messages.copied : ""}
      </span>
    </span>
  );
}

/**
 * A page on a plain `http` address of the local network has no clipboard interface; there the text
 * is selected and the browser's old copy command is used.
 */
async function copyText(text: string, element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const selection = getSelection();
    selection?.selectAllChildren(element);
    return document.execCommand("copy");
  }
}
