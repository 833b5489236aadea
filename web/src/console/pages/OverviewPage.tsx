/** What goes on, in a few figures, and the callbacks that failed last. */
import type { ComponentChildren } from "preact";
import { formatSize, formatTime } from "../../format";
import type { CallSummary, Overview } from "../facts";
import { CallTable } from "../parts/CallTable";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { Page } from "../parts/Page";
import { useAsked } from "../parts/useAsked";
import { type Route, toHash } from "../route";

const FAILURES = "/v1/callbacks?outcome=failed&limit=5";

export function OverviewPage() {
  const { messages, language } = useSurroundings();
  const overview = useAsked<Overview>("/v1/overview");
  const failures = useAsked<{ calls: CallSummary[] }>(FAILURES);
  const number = new Intl.NumberFormat(language);
  const size = (bytes: number): string => formatSize(bytes, language);
  const data = overview.data;
  const refresh = (): void => {
    overview.refresh();
    failures.refresh();
  };
  return (
    <Page
      title={messages.overview}
      actions={
        <button type="button" class="secondary" onClick={refresh}>
          {messages.refresh}
        </button>
      }
    >
      <ErrorNote error={overview.error ?? failures.error} />
      {data !== null && (
        <div class="tiles">
          <Tile title={messages.overviewUploads} to={{ page: "refusals" }}>
            <Figure value={number.format(data.uploads.stored)} name={messages.stored} />
            <Figure value={number.format(data.uploads.refused)} name={messages.refused} isBad={data.uploads.refused > 0} />
            <Figure value={size(data.uploads.bytes)} name={messages.received} />
          </Tile>
          <Tile title={messages.overviewCallbacks} to={{ page: "callbacks" }}>
            <Figure value={number.format(data.callbacks.agreed)} name={messages.agreed} />
            <Figure value={number.format(data.callbacks.failed)} name={messages.failed} isBad={data.callbacks.failed > 0} />
            <Figure value={number.format(data.callbacks.underWay)} name={messages.underWay} />
          </Tile>
          <Tile title={messages.overviewOwed} to={{ page: "owed" }}>
            <Figure value={`${number.format(data.owed.waiting)}${data.owed.isMore ? "+" : ""}`} name={messages.waiting} />
            <Figure value={`${number.format(data.owed.givenUp)}${data.owed.isMore ? "+" : ""}`} name={messages.givenUp} isBad={data.owed.givenUp > 0} />
          </Tile>
          <Tile title={messages.overviewSpace} to={{ page: "buckets" }}>
            <Figure value={size(data.store.freeBytes)} name={messages.free} isBad={data.store.freeBytes < data.store.reservedBytes} />
            <Figure value={size(data.store.reservedBytes)} name={messages.kept} />
            <Figure value={size(data.store.logBytes)} name={messages.inLog} />
            {data.store.damaged > 0 && <Figure value={number.format(data.store.damaged)} name={messages.damaged} isBad />}
          </Tile>
        </div>
      )}
      <section aria-labelledby="failures">
        <h2 id="failures">{messages.newestFailures}</h2>
        {failures.data?.calls.length === 0 && <p class="empty">{messages.noFailures}</p>}
        {failures.data !== null && failures.data.calls.length > 0 && (
          <CallTable calls={[...failures.data.calls].reverse()} label={messages.newestFailures} />
        )}
      </section>
      {data !== null && (
        <p class="hint">
          upcall {data.version} · {messages.started} {formatTime(data.started, language)}
        </p>
      )}
    </Page>
  );
}

function Tile({ title, to, children }: { title: string; to: Route; children: ComponentChildren }) {
  return (
    <section class="tile sheet" aria-label={title}>
      <h2>
        <a href={toHash(to)}>{title}</a>
      </h2>
      <dl>{children}</dl>
    </section>
  );
}

function Figure({ value, name, isBad = false }: { value: string; name: string; isBad?: boolean }) {
  return (
    <div class={isBad ? "figure bad" : "figure"}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
