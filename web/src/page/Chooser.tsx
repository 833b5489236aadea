/** Where Uppy's Dashboard lives. Preact draws the frame once and leaves the inside to Uppy. */
import { useEffect, useRef } from "preact/hooks";
import { type PageUppy, mountDashboard } from "../uploader";
import { catchDrops } from "./catchDrops";
import { nameFileList } from "./nameFileList";

export function Chooser({ uppy }: { uppy: PageUppy }) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const undo = [
      mountDashboard(uppy, frame.current),
      nameFileList(frame.current),
      catchDrops((files) => take(uppy, files)),
    ];
    return () => undo.forEach((each) => each());
  }, [uppy]);
  return <div class="chooser" ref={frame} />;
}

function take(uppy: PageUppy, files: File[]): void {
  for (const file of files) {
    try {
      uppy.addFile({ name: file.name, type: file.type, data: file, source: "drop" });
    } catch {
      // What the restrictions forbid: Uppy has said so, as for a drop into the box.
    }
  }
}
