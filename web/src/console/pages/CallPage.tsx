/** All of one call: why it ended so, what was sent, what came back; and what can be done. */
import { formatSize, formatTime } from "../../format";
import { ask, part } from "../api";
import { toCurl } from "../curl";
import type { Call, Headers } from "../facts";
import { formatMilliseconds, Outcome } from "../parts/CallTable";
import { Copy } from "../parts/Copy";
import { useSurroundings } from "../parts/context";
import { Diagnose } from "../parts/Diagnose";
import { ErrorNote } from "../parts/ErrorNote";
import { Facts, Page, Table } from "../parts/Page";
import { Untrusted, UntrustedBlock, UntrustedRows } from "../parts/Untrusted";
import { useAsked, useDoing } from "../parts/useAsked";

export function CallPage({ id }: { id: string }) {
  const { messages, go } = useSurroundings();
  const { data: call, error } = useAsked<Call>(`/v1/callbacks/${part(id)}`);
  const doing = useDoing();
  const replay = (): Promise<boolean> =>
    doing.run(async () => {
      const again = (await ask("POST", `/v1/callbacks/${part(id)}/replay`)) as Call;
      go({ page: "call", id: again.id });
    });
  return (
    <Page
      title={messages.call(id)}
      above={{ route: { page: "callbacks" }, title: messages.callbacks }}
      actions={
        call !== null && (
          <>
            <button type="button" class="secondary" disabled={doing.isBusy} onClick={replay}>
              {doing.isBusy ? messages.replaying : messages.replay}
            </button>
            <Copy text={toCurl(call)} label={messages.copyCurl} />
          </>
        )
      }
    >
      <ErrorNote error={error ?? doing.error} />
      {call !== null && (
        <>
          <Verdict call={call} />
          <Steps call={call} />
          <Request call={call} />
          <AnswerSection call={call} />
          <Diagnose call={call} />
        </>
      )}
    </Page>
  );
}

function Verdict({ call }: { call: Call }) {
  const { messages, language } = useSurroundings();
  return (
    <section class="sheet" aria-label={messages.explanation}>
      <p class={`verdict-line ${call.outcome}`}>
        <Outcome outcome={call.outcome} /> <Untrusted text={call.explanation} />
      </p>
      <Facts
        facts={[
          [messages.object, <>{call.bucket}/<Untrusted text={call.key} /></>],
          [messages.time, formatTime(call.at, language)],
          [messages.attempts, call.attempt],
          [messages.url, <Untrusted text={call.url} />],
          [
            messages.connectedTo,
            call.address === null ? messages.none : `${call.address}${call.isReused ? ` · ${messages.reused}` : call.isResent ? ` · ${messages.resent}` : ""}`,
          ],
          [messages.requestId, <code>{call.requestId}</code>],
          [messages.told, call.message === null ? messages.toldAnswer : <Untrusted text={call.message} />],
        ]}
      />
    </section>
  );
}

const STEPS = ["resolveMs", "connectMs", "tlsMs", "firstByteMs", "totalMs"] as const;

function Steps({ call }: { call: Call }) {
  const { messages, language } = useSurroundings();
  const total = Math.max(call.timing.totalMs, 0.001);
  return (
    <section class="sheet" aria-labelledby="timing">
      <h2 id="timing">{messages.timing}</h2>
      <dl class="timing">
        {STEPS.map((step) => {
          const took = call.timing[step];
          if (took === null) return null;
          return (
            <div key={step}>
              <dt>{messages.timingSteps[step]}</dt>
              <dd>
                <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="track" width="100" height="6" />
                  <rect class="bar" width={Math.min(100, (took / total) * 100)} height="6" />
                </svg>
                <span>{formatMilliseconds(took, language, messages.milliseconds)}</span>
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

function Request({ call }: { call: Call }) {
  const { messages } = useSurroundings();
  const signed = call.stringToSign ?? call.stringToSignBase64 ?? "";
  return (
    <section class="sheet" aria-labelledby="request">
      <h2 id="request">{messages.request}</h2>
      <p class="request-line">
        <code>
          {call.method} <Untrusted text={call.target} />
        </code>
      </p>
      <HeaderTable headers={call.requestHeaders} label={`${messages.request}: ${messages.headers}`} />
      <h3>{messages.body}</h3>
      <Body text={call.body} base64={call.bodyBase64} label={`${messages.request}: ${messages.body}`} />
      <h3>{messages.signedText}</h3>
      <p class="hint">{messages.signedTextHint}</p>
      {call.stringToSign === undefined && <p class="hint">{messages.base64Body}</p>}
      <UntrustedBlock text={signed} label={messages.signedText} />
    </section>
  );
}

function AnswerSection({ call }: { call: Call }) {
  const { messages, language } = useSurroundings();
  const answer = call.answer;
  const size = (bytes: number): string => formatSize(bytes, language);
  const shown = answer === null ? 0 : shownBytes(answer.body, answer.bodyBase64);
  return (
    <section class="sheet" aria-labelledby="answer">
      <h2 id="answer">{messages.answer}</h2>
      {answer === null && <p class="soft">{messages.noAnswerText}</p>}
      {answer !== null && (
        <>
          <p class="request-line">
            <code>HTTP {answer.status}</code>
          </p>
          <HeaderTable headers={answer.headers} label={`${messages.answer}: ${messages.headers}`} />
          <h3>{messages.body}</h3>
          {answer.bodyBytes !== null && answer.bodyBytes > shown && (
            <p class="hint">{messages.cutBody(size(shown), size(answer.bodyBytes))}</p>
          )}
          <Body text={answer.body} base64={answer.bodyBase64} label={`${messages.answer}: ${messages.body}`} />
        </>
      )}
    </section>
  );
}

function shownBytes(text: string | undefined, base64: string | undefined): number {
  return text === undefined ? atob(base64 ?? "").length : new TextEncoder().encode(text).length;
}

function Body({ text, base64, label }: { text: string | undefined; base64: string | undefined; label: string }) {
  const { messages } = useSurroundings();
  if (text === undefined) {
    return (
      <>
        <p class="hint">{messages.base64Body}</p>
        <UntrustedBlock text={base64 ?? ""} label={label} />
      </>
    );
  }
  return text === "" ? <p class="soft">{messages.empty}</p> : <UntrustedBlock text={text} label={label} />;
}

function HeaderTable({ headers, label }: { headers: Headers; label: string }) {
  const { messages } = useSurroundings();
  if (headers.length === 0) return null;
  return (
    <Table label={label} head={[messages.header, messages.headerValue]}>
      <UntrustedRows pairs={headers} />
    </Table>
  );
}
