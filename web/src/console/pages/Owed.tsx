/** Calls that are still to be made, and those that were given up. */
import { useState } from "preact/hooks";
import { formatTime } from "../../format";
import { ask, part, query } from "../api";
import type { OwedCall } from "../facts";
import { useSurroundings } from "../parts/context";
import { Confirm } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import { Page, Table } from "../parts/Page";
import { Untrusted } from "../parts/Untrusted";
import { useAsked, useDoing } from "../parts/useAsked";
import { visibleText } from "../visible";

type Filter = "" | "owed" | "givenUp";

/** Rows of one page. */
const PAGE = 100;

export function Owed() {
  const { messages } = useSurroundings();
  const [state, setState] = useState<Filter>("");
  const [after, setAfter] = useState<string | null>(null);
  const [dropped, setDropped] = useState<OwedCall | null>(null);
  const [said, setSaid] = useState("");
  const asked = useAsked<{ calls: OwedCall[] }>(`/v1/owed${query({ state, after, limit: PAGE })}`);
  const doing = useDoing();
  const calls = asked.data?.calls ?? null;

  const deliverAll = async (): Promise<void> => {
    await doing.run(async () => {
      const { calls: count } = (await ask("POST", "/v1/owed/deliver")) as { calls: number };
      setSaid(messages.delivering(count));
    });
    asked.refresh();
  };
  const deliver = async (call: OwedCall): Promise<void> => {
    await doing.run(async () => {
      await ask("POST", `/v1/owed/${part(call.id)}/deliver`);
      setSaid(messages.delivering(1));
    });
    asked.refresh();
  };
  const head = [
    messages.state,
    messages.object,
    messages.attempts,
    messages.nextAttempt,
    messages.lastFailure,
    "",
  ];
  return (
    <Page
      title={messages.owed}
      actions={
        <>
          <label class="inline-field">
            <span>{messages.show}</span>
            <select
              value={state}
              onChange={(event) => {
                setAfter(null);
                setState(event.currentTarget.value as Filter);
              }}
            >
              <option value="">{messages.all}</option>
              <option value="owed">{messages.stateOwed}</option>
              <option value="givenUp">{messages.stateGivenUp}</option>
            </select>
          </label>
          <button type="button" class="secondary" onClick={asked.refresh}>
            {messages.refresh}
          </button>
          <button type="button" class="secondary" disabled={doing.isBusy} onClick={deliverAll}>
            {messages.deliverAll}
          </button>
        </>
      }
    >
      <p class="section-text">{messages.owedText}</p>
      <ErrorNote error={asked.error ?? doing.error} />
      <p class="said" role="status">
        {said}
      </p>
      {calls?.length === 0 && <p class="empty">{messages.noOwed}</p>}
      {calls !== null && calls.length > 0 && (
        <Table label={messages.owed} head={head}>
          {calls.map((call) => (
            <Row key={call.id} call={call} onDeliver={() => void deliver(call)} onDrop={() => setDropped(call)} />
          ))}
        </Table>
      )}
      {calls !== null && calls.length === PAGE && (
        <button type="button" class="secondary" onClick={() => setAfter(calls[PAGE - 1]?.id ?? null)}>
          {messages.more}
        </button>
      )}
      {dropped !== null && (
        <Confirm
          title={messages.dropTitle}
          action={messages.drop}
          onClose={() => setDropped(null)}
          onConfirm={async () => {
            await ask("DELETE", `/v1/owed/${part(dropped.id)}`);
            asked.refresh();
          }}
        >
          <p>
            {dropped.bucket}/<Untrusted text={dropped.key} />
          </p>
          <p>
            {messages.dropText} {dropped.isHeld && messages.dropHeld}
          </p>
        </Confirm>
      )}
    </Page>
  );
}

interface RowProps {
  call: OwedCall;
  onDeliver: () => void;
  onDrop: () => void;
}

function Row({ call, onDeliver, onDrop }: RowProps) {
  const { messages, language } = useSurroundings();
  const isGivenUp = call.state === "givenUp";
  return (
    <tr data-owed={call.id}>
      <td>
        <span class={`badge ${isGivenUp ? "bad" : ""}`}>
          {isGivenUp ? messages.stateGivenUp : messages.stateOwed}
        </span>
      </td>
      <td class="wide">
        {call.bucket}/<Untrusted text={call.key} />
        {call.isHeld && <span class="soft"> · {messages.held}</span>}
      </td>
      <td class="number">{call.attempts}</td>
      <td class="nowrap">{call.next === null ? messages.none : formatTime(call.next, language)}</td>
      <td class="wide">{call.lastFailure === null ? messages.none : <Untrusted text={call.lastFailure} />}</td>
      <td class="nowrap">
        <span class="buttons">
          <button
            type="button"
            class="secondary"
            aria-label={`${messages.deliver}: ${visibleText(call.key)}`}
            onClick={onDeliver}
          >
            {messages.deliver}
          </button>
          <button
            type="button"
            class="secondary"
            aria-label={`${messages.drop}: ${visibleText(call.key)}`}
            onClick={onDrop}
          >
            {messages.drop}
          </button>
        </span>
      </td>
    </tr>
  );
}
