/**
 * A question in front of the page. The browser keeps the focus in it, closes it with Escape, and gives
 * the focus back.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { useSurroundings } from "./context";
import { ErrorNote } from "./ErrorNote";
import { useDoing } from "./useAsked";

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const closed = useRef(onClose);
  closed.current = onClose;
  useEffect(() => {
    const dialog = element.current;
    if (dialog === null) return undefined;
    // The browser may close it without having asked (`cancel`), when Escape is pressed twice.
    const tell = (): void => closed.current();
    dialog.addEventListener("close", tell);
    dialog.showModal();
    return () => {
      dialog.removeEventListener("close", tell);
      dialog.close(); // gives the focus back
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

export interface ConfirmProps {
  title: string;
  children: ComponentChildren;
  /** What the button says. */
  action: string;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something is done that cannot be undone. */
export function Confirm({ title, children, action, onConfirm, onClose }: ConfirmProps) {
  const { messages } = useSurroundings();
  const doing = useDoing();
  const confirm = async (): Promise<void> => {
    if (await doing.run(onConfirm)) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-text">{children}</div>
      <ErrorNote error={doing.error} />
      <div class="buttons">
        <button type="button" class="secondary" onClick={onClose}>
          {messages.cancel}
        </button>
        <button type="button" class="primary danger" disabled={doing.isBusy} onClick={confirm}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
