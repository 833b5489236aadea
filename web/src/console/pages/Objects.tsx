/** The objects of a bucket, folder by folder: facts, download, deletion. */
import { useState } from "preact/hooks";
import { formatSize, formatTime } from "../../format";
import { ask, part, query } from "../api";
import type { ObjectFacts, ObjectPage, ObjectRow } from "../facts";
import { useSurroundings } from "../parts/context";
import { Confirm, Dialog } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import { Facts, Page, Table } from "../parts/Page";
import { Untrusted } from "../parts/Untrusted";
import { useAsked } from "../parts/useAsked";
import { toHash } from "../route";
import { visibleText } from "../visible";

/** Rows of one page. */
const PAGE = 200;

export function Objects({ bucket, prefix }: { bucket: string; prefix: string }) {
  const { messages, go } = useSurroundings();
  const [typed, setTyped] = useState(prefix);
  const [marker, setMarker] = useState<string | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const [deleted, setDeleted] = useState<string | null>(null);
  const asked = useAsked<ObjectPage>(
    `/v1/buckets/${part(bucket)}/objects${query({ prefix, delimiter: "/", marker, limit: PAGE })}`,
  );
  const { data, error } = asked;
  const isEmpty = data !== null && data.objects.length === 0 && data.prefixes.length === 0;
  return (
    <Page
      title={bucket}
      above={{ route: { page: "buckets" }, title: messages.buckets }}
      actions={
        <>
          <form
            class="inline-form"
            onSubmit={(event) => {
              event.preventDefault();
              go({ page: "objects", bucket, prefix: typed });
            }}
          >
            <label class="inline-field">
              <span>{messages.prefix}</span>
              <input value={typed} spellcheck={false} onInput={(event) => setTyped(event.currentTarget.value)} />
            </label>
          </form>
          <a class="secondary" href={toHash({ page: "settings", bucket })}>
            {messages.settings}
          </a>
        </>
      }
    >
      <Folders bucket={bucket} prefix={prefix} />
      <ErrorNote error={error} />
      {isEmpty && <p class="empty">{messages.noObjects}</p>}
      {data !== null && !isEmpty && (
        <Table label={messages.objects} head={[messages.name, messages.size, messages.type, messages.modified, ""]}>
          {data.prefixes.map((folder) => (
            <tr key={`/${folder}`}>
              <td class="wide">
                <a href={toHash({ page: "objects", bucket, prefix: folder })}>
                  <Untrusted text={folder.slice(prefix.length)} />
                </a>
              </td>
              <td />
              <td />
              <td />
              <td />
            </tr>
          ))}
          {data.objects.map((object) => (
            <Row
              key={object.key}
              bucket={bucket}
              prefix={prefix}
              object={object}
              onFacts={() => setShown(object.key)}
              onDelete={() => setDeleted(object.key)}
            />
          ))}
        </Table>
      )}
      {typeof data?.nextMarker === "string" && (
        <button type="button" class="secondary" onClick={() => setMarker(data.nextMarker)}>
          {messages.more}
        </button>
      )}
      {shown !== null && <ShownFacts bucket={bucket} objectKey={shown} onClose={() => setShown(null)} />}
      {deleted !== null && (
        <Confirm
          title={messages.deleteObjectTitle}
          action={messages.remove}
          onClose={() => setDeleted(null)}
          onConfirm={async () => {
            await ask("DELETE", objectPath(bucket, deleted));
            asked.refresh();
          }}
        >
          <p>
            {bucket}/<Untrusted text={deleted} />
          </p>
          <p>{messages.deleteObjectText}</p>
        </Confirm>
      )}
    </Page>
  );
}

function objectPath(bucket: string, key: string, what = ""): string {
  return `/v1/buckets/${part(bucket)}/object${what}${query({ key })}`;
}

/** The prefix, each part of it a way back. */
function Folders({ bucket, prefix }: { bucket: string; prefix: string }) {
  const { messages } = useSurroundings();
  const ends = [...prefix.matchAll(/\//g)].map((match) => match.index + 1);
  const starts = [0, ...ends];
  return (
    <nav class="folders" aria-label={messages.prefix}>
      <a href={toHash({ page: "objects", bucket, prefix: "" })}>{bucket}</a>/
      {ends.map((end, index) => (
        <span key={end}>
          <a href={toHash({ page: "objects", bucket, prefix: prefix.slice(0, end) })}>
            <Untrusted text={prefix.slice(starts[index], end - 1)} />
          </a>
          /
        </span>
      ))}
      <Untrusted text={prefix.slice(starts.at(-1))} />
    </nav>
  );
}

interface RowProps {
  bucket: string;
  prefix: string;
  object: ObjectRow;
  onFacts: () => void;
  onDelete: () => void;
}

function Row({ bucket, prefix, object, onFacts, onDelete }: RowProps) {
  const { messages, language } = useSurroundings();
  const name = object.key.slice(prefix.length);
  return (
    <tr>
      <td class="wide">
        <Untrusted text={name === "" ? object.key : name} />
      </td>
      <td class="nowrap number">{formatSize(object.size, language)}</td>
      <td class="wide">
        <Untrusted text={object.contentType} />
      </td>
      <td class="nowrap">{formatTime(object.modified, language)}</td>
      <td class="nowrap">
        <span class="buttons">
          <button type="button" class="secondary" aria-label={messages.factsOf(visibleText(name))} onClick={onFacts}>
            {messages.facts}
          </button>
          <a
            class="secondary"
            href={objectPath(bucket, object.key, "/content")}
            aria-label={`${messages.download}: ${visibleText(name)}`}
            download
          >
            {messages.download}
          </a>
          <button
            type="button"
            class="secondary"
            aria-label={`${messages.remove}: ${visibleText(name)}`}
            onClick={onDelete}
          >
            {messages.remove}
          </button>
        </span>
      </td>
    </tr>
  );
}

function ShownFacts({ bucket, objectKey, onClose }: { bucket: string; objectKey: string; onClose: () => void }) {
  const { messages, language } = useSurroundings();
  const { data, error } = useAsked<ObjectFacts>(objectPath(bucket, objectKey));
  const pairs = (all: [string, string][]) =>
    all.length === 0
      ? messages.none
      : all.map(([name, value], index) => (
          <div key={index}>
            <code>
              <Untrusted text={name} />: <Untrusted text={value} />
            </code>
          </div>
        ));
  return (
    <Dialog title={messages.facts} onClose={onClose}>
      <ErrorNote error={error} />
      {data !== null && (
        <Facts
          facts={[
            [messages.object, <Untrusted text={data.key} />],
            [messages.size, `${formatSize(data.size, language)} (${data.size} B)`],
            [messages.type, <Untrusted text={data.contentType} />],
            [messages.modified, formatTime(data.modified, language)],
            ["ETag", <code>{data.etag}</code>],
            ["CRC-64", <code>{data.crc64}</code>],
            [messages.acl, <code>{data.acl}</code>],
            [messages.storageClass, <code>{data.storageClass}</code>],
            [messages.storedHeaders, pairs(data.headers)],
            [messages.metadata, pairs(data.metadata)],
          ]}
        />
      )}
      <div class="buttons">
        <button type="button" class="secondary" onClick={onClose}>
          {messages.close}
        </button>
      </div>
    </Dialog>
  );
}
