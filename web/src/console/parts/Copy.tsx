/** A button that copies a text, and says so. */
import { useEffect, useState } from "preact/hooks";
import { useSurroundings } from "./context";

const SHOW_COPIED_MS = 2_000;

export function Copy({ text, label }: { text: string; label: string }) {
  const { messages } = useSurroundings();
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return undefined;
    const timer = setTimeout(() => setSaid(""), SHOW_COPIED_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => {
    setSaid((await copyText(text)) ? messages.copied : messages.notCopied);
  };
  return (
    <button type="button" class="secondary" onClick={copy}>
      {said === "" ? label : said}
      <span class="for-ears" role="status">
        {said}
      </span>
    </button>
  );
}

/** A page on a plain `http` address other than this machine's has no clipboard; there it is the old way. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "for-ears";
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}
