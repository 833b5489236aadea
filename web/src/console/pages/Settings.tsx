/** The settings of a bucket: who may do what, CORS, callback. Each is saved by itself. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ask, part } from "../api";
import type { Acl, Bucket, CallbackSettings } from "../facts";
import { CallbackForm } from "../parts/CallbackForm";
import { CorsForm } from "../parts/CorsForm";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { Page } from "../parts/Page";
import { useAsked, useDoing } from "../parts/useAsked";
import { toHash } from "../route";
import { AclChoice } from "./Buckets";

export function Settings({ bucket }: { bucket: string }) {
  const { messages } = useSurroundings();
  const path = `/v1/buckets/${part(bucket)}`;
  const buckets = useAsked<{ buckets: Bucket[] }>("/v1/buckets");
  const callback = useAsked<CallbackSettings>(`${path}/callback`);
  const facts = buckets.data?.buckets.find((each) => each.name === bucket);
  return (
    <Page
      title={`${bucket}: ${messages.settings}`}
      above={{ route: { page: "buckets" }, title: messages.buckets }}
      actions={
        <a class="secondary" href={toHash({ page: "objects", bucket, prefix: "" })}>
          {messages.objects}
        </a>
      }
    >
      <ErrorNote error={buckets.error ?? callback.error} />
      {facts !== undefined && (
        <>
          <AclForm acl={facts.acl} save={(acl) => ask("PUT", `${path}/acl`, { acl })} />
          <CorsForm
            cors={facts.cors}
            save={(cors) => (cors === null ? ask("DELETE", `${path}/cors`) : ask("PUT", `${path}/cors`, cors))}
          />
        </>
      )}
      {callback.data !== null && (
        <CallbackForm settings={callback.data} save={(settings) => ask("PUT", `${path}/callback`, settings)} />
      )}
    </Page>
  );
}

function AclForm({ acl, save }: { acl: Acl; save: (acl: Acl) => Promise<unknown> }) {
  const { messages } = useSurroundings();
  const [chosen, setChosen] = useState(acl);
  return (
    <SavedForm title={messages.acl} save={() => save(chosen)}>
      <AclChoice acl={chosen} onChoose={setChosen} />
    </SavedForm>
  );
}

export interface SavedFormProps {
  title: string;
  text?: string;
  /** A reason why it cannot be saved as it is. */
  fault?: string | null;
  save: () => Promise<unknown>;
  children: ComponentChildren;
}

/** A section with a button that saves it, and says so. */
export function SavedForm({ title, text, fault = null, save, children }: SavedFormProps) {
  const { messages } = useSurroundings();
  const [isSaved, setSaved] = useState(false);
  const doing = useDoing();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setSaved(false);
    if (fault !== null) return;
    setSaved(
      await doing.run(async () => {
        await save();
      }),
    );
  };
  return (
    <form class="sheet stack" aria-label={title} onSubmit={submit} onInput={() => setSaved(false)}>
      <h2>{title}</h2>
      {text !== undefined && <p class="section-text">{text}</p>}
      {children}
      {fault !== null && (
        <p class="note bad" role="alert">
          {fault}
        </p>
      )}
      <ErrorNote error={doing.error} />
      <div class="buttons">
        <button type="submit" class="primary" disabled={doing.isBusy}>
          {messages.save}
        </button>
        <span class="said" role="status">
          {isSaved ? messages.saved : ""}
        </span>
      </div>
    </form>
  );
}
