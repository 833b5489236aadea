/** Why something did not work: in the server's words, and what to do. */
import type { ApiError } from "../api";
import { useSurroundings } from "./context";
import { Untrusted } from "./Untrusted";

export function ErrorNote({ error }: { error: ApiError | null }) {
  const { messages } = useSurroundings();
  if (error === null) return null;
  const isSilent = error.message === "";
  return (
    <div class="note bad" role="alert">
      <p>
        <Untrusted text={isSilent ? messages.unreachable : error.message} />
      </p>
      {!isSilent && (
        <p class="soft">
          <code>{error.code}</code> {error.hint !== "" && <Untrusted text={error.hint} />}
        </p>
      )}
    </div>
  );
}
