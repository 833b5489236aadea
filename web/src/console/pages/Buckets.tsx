/** Every bucket; a new one; one less. */
import { useState } from "preact/hooks";
import { formatTime } from "../../format";
import { ask, part } from "../api";
import { ACLS, type Acl, type Bucket } from "../facts";
import { useSurroundings } from "../parts/context";
import { Confirm, Dialog } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import { Page, Table } from "../parts/Page";
import { useAsked, useDoing } from "../parts/useAsked";
import { toHash } from "../route";

export function Buckets() {
  const { messages, language } = useSurroundings();
  const { data, error, refresh } = useAsked<{ buckets: Bucket[] }>("/v1/buckets");
  const [isCreating, setCreating] = useState(false);
  const [deleted, setDeleted] = useState<string | null>(null);
  const head = [messages.bucket, messages.acl, messages.corsRules, messages.created, ""];
  return (
    <Page
      title={messages.buckets}
      actions={
        <button type="button" class="secondary" onClick={() => setCreating(true)}>
          {messages.newBucket}
        </button>
      }
    >
      <ErrorNote error={error} />
      {data?.buckets.length === 0 && <p class="empty">{messages.noBuckets}</p>}
      {data !== null && data.buckets.length > 0 && (
        <Table label={messages.buckets} head={head}>
          {data.buckets.map((bucket) => (
            <tr key={bucket.name}>
              <td>
                <a href={toHash({ page: "objects", bucket: bucket.name, prefix: "" })}>{bucket.name}</a>
              </td>
              <td>
                <code>{bucket.acl}</code>
              </td>
              <td class="number">{bucket.cors?.rules.length ?? 0}</td>
              <td class="nowrap">{formatTime(bucket.created, language)}</td>
              <td class="nowrap">
                <span class="buttons">
                  <a
                    class="secondary"
                    href={toHash({ page: "settings", bucket: bucket.name })}
                    aria-label={`${messages.settings}: ${bucket.name}`}
                  >
                    {messages.settings}
                  </a>
                  <button
                    type="button"
                    class="secondary"
                    aria-label={`${messages.deleteBucket}: ${bucket.name}`}
                    onClick={() => setDeleted(bucket.name)}
                  >
                    {messages.deleteBucket}
                  </button>
                </span>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {isCreating && <Creating onClose={() => setCreating(false)} onCreated={refresh} />}
      {deleted !== null && (
        <Confirm
          title={messages.deleteBucketTitle(deleted)}
          action={messages.remove}
          onClose={() => setDeleted(null)}
          onConfirm={async () => {
            await ask("DELETE", `/v1/buckets/${part(deleted)}`);
            refresh();
          }}
        >
          <p>{messages.deleteBucketText}</p>
        </Confirm>
      )}
    </Page>
  );
}

function Creating({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const { messages } = useSurroundings();
  const [name, setName] = useState("");
  const [acl, setAcl] = useState<Acl>("private");
  const doing = useDoing();
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    const isDone = await doing.run(async () => {
      await ask("PUT", `/v1/buckets/${part(name)}`, { acl });
    });
    if (!isDone) return;
    onCreated();
    onClose();
  };
  return (
    <Dialog title={messages.newBucket} onClose={onClose}>
      <form class="stack" onSubmit={create}>
        <label class="field">
          <span>{messages.name}</span>
          <input
            required
            minLength={3}
            maxLength={63}
            value={name}
            aria-describedby="bucket-name-hint"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p id="bucket-name-hint" class="hint">
          {messages.nameHint}
        </p>
        <AclChoice acl={acl} onChoose={setAcl} />
        <ErrorNote error={doing.error} />
        <div class="buttons">
          <button type="button" class="secondary" onClick={onClose}>
            {messages.cancel}
          </button>
          <button type="submit" class="primary" disabled={doing.isBusy}>
            {messages.create}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function AclChoice({ acl, onChoose }: { acl: Acl; onChoose: (acl: Acl) => void }) {
  const { messages } = useSurroundings();
  return (
    <label class="field">
      <span>{messages.acl}</span>
      <select value={acl} onChange={(event) => onChoose(event.currentTarget.value as Acl)}>
        {ACLS.map((each) => (
          <option key={each} value={each}>
            {messages.aclName(each)}
          </option>
        ))}
      </select>
    </label>
  );
}
