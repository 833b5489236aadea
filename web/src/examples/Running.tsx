/** The files on their way. */
import { CrossIcon } from "../page/icons";
import type { ExampleMessages } from "./messages";
import type { Running as RunningUpload } from "./useUploads";

export interface RunningProps {
  running: RunningUpload[];
  examples: ExampleMessages;
  onCancelled: () => void;
}

export function Running({ running, examples, onCancelled }: RunningProps) {
  if (running.length === 0) return null;
  return (
    <ul class="running">
      {running.map(({ id, name, percent, cancel }) => (
        <li key={id}>
          <span class="name">{name}</span>
          <progress max={100} value={percent} aria-label={examples.uploading(name)} />
          <button
            type="button"
            class="icon-button"
            aria-label={examples.cancel(name)}
            onClick={() => {
              cancel();
              onCancelled();
            }}
          >
            <CrossIcon />
          </button>
        </li>
      ))}
    </ul>
  );
}
