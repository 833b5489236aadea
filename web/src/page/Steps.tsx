/** Signed, stored, accepted: three marks that show where an upload stopped. */
import type { Outcome, Reason } from "uppy-upcall";
import type { Messages } from "../messages";
import { CrossIcon, DashIcon, TickIcon } from "./icons";

type Mark = "done" | "failed" | "open";

export function Steps({ outcome, messages }: { outcome: Outcome; messages: Messages }) {
  const labels = [messages.stepPolicy, messages.stepStored, messages.stepAccepted];
  return (
    <ol class="steps" aria-label={messages.steps}>
      {marksOf(outcome).map((mark, index) => (
        <li key={labels[index]} class={mark}>
          <span class="mark">{iconOf(mark)}</span>
          {labels[index]}
        </li>
      ))}
    </ol>
  );
}

function marksOf(outcome: Outcome): [Mark, Mark, Mark] {
  switch (outcome.kind) {
    case "accepted":
      return ["done", "done", outcome.answer === "" ? "open" : "done"];
    case "storedNotAccepted":
      return ["done", "done", "failed"];
    case "pending":
      return ["done", "done", "open"];
    case "refused":
      if (outcome.reason === "applicationDeclined" || outcome.reason === "applicationSilent") {
        return ["done", "done", "failed"];
      }
      return stoppedBefore(outcome.reason) ? ["failed", "open", "open"] : ["done", "failed", "open"];
  }
}

/** These end an upload before there is a policy that is worth sending. */
function stoppedBefore(reason: Reason): boolean {
  return (
    reason === "applicationRefused" ||
    reason === "applicationUnreachable" ||
    reason === "applicationUnusable" ||
    reason === "policyExpired" ||
    reason === "wrongSignature"
  );
}

function iconOf(mark: Mark) {
  switch (mark) {
    case "done":
      return <TickIcon />;
    case "failed":
      return <CrossIcon />;
    case "open":
      return <DashIcon />;
  }
}
