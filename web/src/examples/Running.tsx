/** The files on their way. */
import { CrossIcon } from "../page/icons";
import type { ExampleMessages } from "./messages";
import type { Running as RunningUpload } from "./useUploads";

export function Running({ running, examples }: { running: RunningUpload[]; examples: ExampleMessages }) {
  if (running.length === 0) return null;
  return (
    <ul class="running">
      {running.map(({ id, name, percent, cancel }) => (
        <li key={id}>
          <span class="name">{name}</span>
          <progress max={100} value={percent} aria-label={examples.uploading(name, percent)} />
          <button type="button" class="icon-button" aria-label={examples.cancel(name)} onClick={cancel}>
            <CrossIcon />
          </button>
        </li>
      ))}
    </ul>
  );
}
