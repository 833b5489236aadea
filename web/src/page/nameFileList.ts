/**
 * Gives Uppy's list of files the role of a list while there is one file in it: the Dashboard leaves it out
 * then, and a screen reader announces an item of no list.
 *
 * Returns what undoes it.
 */
export function nameFileList(dashboard: HTMLElement): () => void {
  const name = (): void => {
    for (const list of dashboard.querySelectorAll(".uppy-Dashboard-files:not([role])")) list.setAttribute("role", "list");
  };
  const observer = new MutationObserver(name);
  observer.observe(dashboard, { childList: true, subtree: true });
  name();
  return () => observer.disconnect();
}
