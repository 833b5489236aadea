/** The application's own list: proof that it heard of each upload. */
import { useCallback, useEffect, useState } from "preact/hooks";
import { formatSize, formatTime } from "../format";
import type { Language, Messages } from "../messages";
import { type RecordedUpload, askRecorded } from "../recorded";
import { RequestId } from "./RequestId";

/** A screenful; the others come on demand. */
const FIRST_ROWS = 8;

export interface RecordedProps {
  url: string;
  language: Language;
  messages: Messages;
  /** Changes when an upload has ended: then the list is asked for again. */
  newest: number;
}

export function Recorded({ url, language, messages, newest }: RecordedProps) {
  const [isWhole, setWhole] = useState(false);
  const [rows, setRows] = useState<RecordedUpload[] | null | "asking">("asking");
  const refresh = useCallback(async (): Promise<void> => setRows(await askRecorded(url)), [url]);
  useEffect(() => {
    void refresh();
  }, [newest, refresh]);

  return (
    <section aria-labelledby="recorded-title">
      <div class="section-head">
        <h2 id="recorded-title">{messages.recordedTitle}</h2>
        <button type="button" class="quiet" onClick={() => void refresh()}>
          {messages.refresh}
        </button>
      </div>
      <p class="section-text">{messages.recordedText}</p>
      {rows === null && <p class="empty">{messages.recordedUnavailable}</p>}
      {Array.isArray(rows) && rows.length === 0 && <p class="empty">{messages.recordedEmpty}</p>}
      {Array.isArray(rows) && rows.length > 0 && (
        <ol class="rows" data-testid="recorded">
          {rows.slice(0, isWhole ? rows.length : FIRST_ROWS).map((row, index) => (
            <Row key={row.requestId || index} row={row} language={language} messages={messages} />
          ))}
        </ol>
      )}
      {Array.isArray(rows) && rows.length > FIRST_ROWS && !isWhole && (
        <button type="button" class="quiet more" onClick={() => setWhole(true)}>
          {messages.showAll(rows.length)}
        </button>
      )}
    </section>
  );
}

function Row({ row, language, messages }: { row: RecordedUpload; language: Language; messages: Messages }) {
  const number = new Intl.NumberFormat(language, { useGrouping: false });
  const facts = [
    row.mimeType,
    row.size === null ? "" : formatSize(row.size, language),
    row.width === null || row.height === null
      ? ""
      : messages.pixels(number.format(row.width), number.format(row.height)),
  ].filter((fact) => fact !== "");
  return (
    <li class="row">
      <p class="object">{row.object}</p>
      <time dateTime={row.receivedAt}>{formatTime(row.receivedAt, language)}</time>
      <p class="facts">{facts.join(" · ")}</p>
      <RequestId requestId={row.requestId} messages={messages} />
    </li>
  );
}
