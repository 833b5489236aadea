/** Called with the files that were dropped beside every drop zone of the page. */
export type TakeFiles = (files: File[]) => void;

/**
 * Keeps the browser from opening a file that is dropped beside a drop zone: it would leave the page, and
 * every upload under way would be cut. With `take` the files are taken all the same; without it the
 * pointer shows that they are not.
 *
 * Returns what undoes it.
 */
export function catchDrops(take: TakeFiles | null): () => void {
  const over = (event: DragEvent): void => {
    if (event.defaultPrevented || !holdsFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = take === null ? "none" : "copy";
  };
  const drop = (event: DragEvent): void => {
    // A drop zone that has taken them says so by preventing the default.
    if (event.defaultPrevented || !holdsFiles(event)) return;
    event.preventDefault();
    take?.([...(event.dataTransfer?.files ?? [])]);
  };
  window.addEventListener("dragover", over);
  window.addEventListener("drop", drop);
  return () => {
    window.removeEventListener("dragover", over);
    window.removeEventListener("drop", drop);
  };
}

/** Text and links may be dragged about as ever. */
function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
