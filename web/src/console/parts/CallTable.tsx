/** Calls in a table, each with the way to all of it. */
import { formatTime } from "../../format";
import type { CallSummary } from "../facts";
import { toHash } from "../route";
import { useSurroundings } from "./context";
import { Table } from "./Page";
import { Untrusted } from "./Untrusted";

export function CallTable({ calls, label }: { calls: readonly CallSummary[]; label: string }) {
  const { messages } = useSurroundings();
  const head = [
    messages.outcome,
    messages.time,
    messages.object,
    messages.status,
    messages.took,
    messages.explanation,
  ];
  return (
    <Table label={label} head={head} isSentences>
      {calls.map((call) => (
        <Row key={call.id} call={call} />
      ))}
    </Table>
  );
}

function Row({ call }: { call: CallSummary }) {
  const { messages, language } = useSurroundings();
  return (
    <tr data-call={call.id}>
      <td>
        <Outcome outcome={call.outcome} />
      </td>
      <td class="nowrap">
        <a href={toHash({ page: "call", id: call.id })}>{formatTime(call.at, language)}</a>
      </td>
      <td class="wide">
        {call.bucket}/<Untrusted text={call.key} />
        {call.attempt > 1 && <span class="soft"> · {messages.attempt(call.attempt)}</span>}
      </td>
      <td class="nowrap">{call.status ?? <span class="soft">{messages.noAnswer}</span>}</td>
      <td class="nowrap number">{formatMilliseconds(call.totalMs, language, messages.milliseconds)}</td>
      <td class="wide">
        <Untrusted text={call.explanation} />
      </td>
    </tr>
  );
}

export function Outcome({ outcome }: { outcome: "agreed" | "failed" }) {
  const { messages } = useSurroundings();
  return <span class={`badge ${outcome === "agreed" ? "good" : "bad"}`}>{messages[outcome]}</span>;
}

export function formatMilliseconds(
  milliseconds: number,
  language: string,
  write: (number: string) => string,
): string {
  const digits = milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0;
  return write(new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(milliseconds));
}
