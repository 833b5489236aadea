/** An outcome in the page's own sentences: what it is, what it means, what to do next. */
import { type Outcome, isFinal } from "uppy-upcall";
import type { Messages } from "./messages";

export interface Explanation {
  title: string;
  text: string | null;
  next: string | null;
  /** What the page offers to do about it. */
  action: "again" | "random" | null;
}

export function explain(outcome: Outcome, messages: Messages): Explanation {
  switch (outcome.kind) {
    case "accepted":
      return outcome.answer === ""
        ? done(messages.acceptedSilently, messages.acceptedSilentlyText)
        : done(messages.accepted, null);
    case "storedNotAccepted":
      return {
        title: messages.storedOnly,
        text: messages.storedOnlyText,
        next: messages.storedOnlyNext,
        action: "again",
      };
    case "pending":
      return {
        title: messages.pending,
        text: messages.pendingText,
        next: messages.pendingNext,
        action: null,
      };
    case "refused": {
      const action = outcome.reason === "exists" ? "random" : isFinal(outcome.reason) ? null : "again";
      return { ...messages.refused[outcome.reason], action };
    }
  }
}

function done(title: string, text: string | null): Explanation {
  return { title, text, next: null, action: null };
}
