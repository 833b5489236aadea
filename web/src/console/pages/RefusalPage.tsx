/** Why one upload was refused: its policy, condition by condition, and its form. */
import { formatTime } from "../../format";
import { part } from "../api";
import type { Explanation, Refusal } from "../facts";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { Facts, Page, Table } from "../parts/Page";
import { Untrusted, UntrustedBlock, UntrustedRows } from "../parts/Untrusted";
import { useAsked } from "../parts/useAsked";
import { ObjectName } from "./Refusals";

export function RefusalPage({ id }: { id: string }) {
  const { messages, language } = useSurroundings();
  const { data, error } = useAsked<Refusal>(`/v1/refusals/${part(id)}`);
  return (
    <Page title={messages.refusal(id)} above={{ route: { page: "refusals" }, title: messages.refusals }}>
      <ErrorNote error={error} />
      {data !== null && (
        <>
          <section class="sheet" aria-label={messages.reason}>
            <p class="verdict-line failed">
              <span class="badge bad">{data.status}</span> <code>{data.code}</code>{" "}
              <Untrusted text={data.message} />
            </p>
            {data.hint !== null && (
              <p>
                <Untrusted text={data.hint} />
              </p>
            )}
            <Facts
              facts={[
                [messages.object, <ObjectName bucket={data.bucket} objectKey={data.key} />],
                [messages.time, formatTime(data.at, language)],
                [messages.operation, data.operation],
                [messages.from, data.peer],
              ]}
            />
          </section>
          <Conditions explanation={data.explanation} />
          <Form refusal={data} />
        </>
      )}
    </Page>
  );
}

function Conditions({ explanation }: { explanation: Explanation | null }) {
  const { messages, language } = useSurroundings();
  return (
    <section class="sheet" aria-labelledby="conditions">
      <h2 id="conditions">{messages.conditions}</h2>
      {explanation === null ? (
        <p class="soft">{messages.noPolicy}</p>
      ) : (
        <>
          {explanation.met && <p class="section-text">{messages.conditionsMet}</p>}
          <ol class="conditions" data-testid="conditions">
            <Condition
              verdict={explanation.expired ? "unmet" : "met"}
              text={
                explanation.expired
                  ? messages.expiredAt(formatTime(explanation.expiration, language))
                  : messages.holdsUntil(formatTime(explanation.expiration, language))
              }
            />
            {explanation.unbound.map((field) => (
              <Condition key={field} verdict="unmet" text={messages.unbound(field)} />
            ))}
            {explanation.conditions.map((condition) => (
              <Condition key={condition.number} verdict={condition.verdict} text={condition.text} />
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Condition({ verdict, text }: { verdict: "met" | "unmet" | "unknown"; text: string }) {
  const { messages } = useSurroundings();
  const kind = { met: "good", unmet: "bad", unknown: "" }[verdict];
  return (
    <li class={verdict}>
      <span class={`badge ${kind}`}>{messages.verdict(verdict)}</span> <Untrusted text={text} />
    </li>
  );
}

function Form({ refusal }: { refusal: Refusal }) {
  const { messages } = useSurroundings();
  const { form, policy } = refusal;
  return (
    <section class="sheet" aria-labelledby="form">
      <h2 id="form">{messages.form}</h2>
      {form === null ? (
        <p class="soft">{messages.noForm}</p>
      ) : (
        <>
          <p class="section-text">{messages.formText}</p>
          <Table label={messages.form} head={[messages.field, messages.value]}>
            <UntrustedRows pairs={form.fields} />
            <tr>
              <td>{messages.file}</td>
              <td class="wide">
                <Untrusted text={form.fileName ?? messages.none} />
                {form.fileType !== null && (
                  <span class="soft">
                    {" "}
                    · <Untrusted text={form.fileType} />
                  </span>
                )}
              </td>
            </tr>
          </Table>
        </>
      )}
      {policy !== null && (
        <>
          <h3>{messages.policy}</h3>
          <UntrustedBlock text={policy} label={messages.policy} />
        </>
      )}
    </section>
  );
}
