/** The uploads that were refused of late. */
import { useState } from "preact/hooks";
import { formatTime } from "../../format";
import type { RefusalSummary } from "../facts";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { Page, Table } from "../parts/Page";
import { Untrusted } from "../parts/Untrusted";
import { useAsked } from "../parts/useAsked";
import { toHash } from "../route";

export function Refusals() {
  const { messages, language, go } = useSurroundings();
  const { data, error, refresh } = useAsked<{ refusals: RefusalSummary[] }>("/v1/refusals");
  const [id, setId] = useState("");
  const head = [messages.time, messages.object, messages.status, messages.reason, messages.from];
  return (
    <Page
      title={messages.refusals}
      actions={
        <>
          <form
            class="inline-form"
            onSubmit={(event) => {
              event.preventDefault();
              go({ page: "refusal", id: id.trim() });
            }}
          >
            <label class="inline-field">
              <span>{messages.findRequest}</span>
              <input
                class="code"
                required
                spellcheck={false}
                value={id}
                onInput={(event) => setId(event.currentTarget.value)}
              />
            </label>
            <button type="submit" class="secondary">
              {messages.find}
            </button>
          </form>
          <button type="button" class="secondary" onClick={refresh}>
            {messages.refresh}
          </button>
        </>
      }
    >
      <p class="section-text">{messages.refusalsText}</p>
      <ErrorNote error={error} />
      {data?.refusals.length === 0 && <p class="empty">{messages.noRefusals}</p>}
      {data !== null && data.refusals.length > 0 && (
        <Table label={messages.refusals} head={head} isSentences>
          {[...data.refusals].reverse().map((refusal) => (
            <tr key={refusal.requestId}>
              <td class="nowrap">
                <a href={toHash({ page: "refusal", id: refusal.requestId })}>{formatTime(refusal.at, language)}</a>
              </td>
              <td class="wide">
                <ObjectName bucket={refusal.bucket} objectKey={refusal.key} />
              </td>
              <td>{refusal.status}</td>
              <td class="wide">
                <code>{refusal.code}</code> <Untrusted text={refusal.hint ?? refusal.message} />
              </td>
              <td class="nowrap">{refusal.peer}</td>
            </tr>
          ))}
        </Table>
      )}
    </Page>
  );
}

export function ObjectName({ bucket, objectKey }: { bucket: string | null; objectKey: string | null }) {
  const { messages } = useSurroundings();
  return (
    <>
      {bucket ?? messages.none}/{objectKey !== null && <Untrusted text={objectKey} />}
    </>
  );
}
