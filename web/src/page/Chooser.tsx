/** Where Uppy's Dashboard lives. Preact draws the frame once and leaves the inside to Uppy. */
import { useEffect, useRef } from "preact/hooks";
import { type PageUppy, mountDashboard } from "../uploader";

export function Chooser({ uppy }: { uppy: PageUppy }) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => (frame.current === null ? undefined : mountDashboard(uppy, frame.current)), [uppy]);
  return <div class="chooser" ref={frame} />;
}
