/** The calls of late, live. */
import { useState } from "preact/hooks";
import { CallTable } from "../parts/CallTable";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { Page } from "../parts/Page";
import { useCalls } from "../parts/useCalls";

type Filter = "" | "agreed" | "failed";

export function Callbacks() {
  const { messages } = useSurroundings();
  const [filter, setFilter] = useState<Filter>("");
  const [isLive, setLive] = useState(true);
  const { calls, error } = useCalls(filter, isLive);
  return (
    <Page
      title={messages.callbacks}
      actions={
        <>
          <label class="inline-field">
            <span>{messages.show}</span>
            <select value={filter} onChange={(event) => setFilter(event.currentTarget.value as Filter)}>
              <option value="">{messages.all}</option>
              <option value="agreed">{messages.agreed}</option>
              <option value="failed">{messages.failed}</option>
            </select>
          </label>
          <button type="button" class="secondary" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
            <span class={isLive ? "dot live" : "dot"} aria-hidden="true" />
            {isLive ? messages.live : messages.paused}
          </button>
        </>
      }
    >
      <p class="section-text">{messages.callbacksText}</p>
      <ErrorNote error={error} />
      {calls === null && error === null && <p class="empty">{messages.loading}</p>}
      {calls?.length === 0 && <p class="empty">{messages.noCallbacks}</p>}
      {calls !== null && calls.length > 0 && <CallTable calls={calls} label={messages.callbacks} />}
    </Page>
  );
}
