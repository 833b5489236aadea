/** A small picture of an image file; its suffix for everything else. */
import { useEffect, useRef, useState } from "preact/hooks";
import { suffixOf } from "uppy-upcall";

/** Twice the size on screen, for dense displays. */
const SIDE_PIXELS = 112;

export function Thumbnail({ data, name }: { data: Blob; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [isDrawn, setDrawn] = useState(false);

  useEffect(() => {
    let isGone = false;
    const draw = async (): Promise<void> => {
      const image = await createImageBitmap(data);
      if (!isGone && canvas.current !== null) {
        drawCovering(canvas.current, image);
        setDrawn(true);
      }
      image.close();
    };
    // A file that the browser cannot decode keeps its suffix.
    if (data.type.startsWith("image/")) draw().catch(() => undefined);
    return () => {
      isGone = true;
    };
  }, [data]);

  return (
    <span class="thumbnail" aria-hidden="true">
      <canvas ref={canvas} width={SIDE_PIXELS} height={SIDE_PIXELS} hidden={!isDrawn} />
      {!isDrawn && <span>{suffixOf(name).slice(1, 5)}</span>}
    </span>
  );
}

/** Fills the square with the middle of the image. */
function drawCovering(canvas: HTMLCanvasElement, image: ImageBitmap): void {
  const side = Math.min(image.width, image.height);
  const left = (image.width - side) / 2;
  const top = (image.height - side) / 2;
  canvas
    .getContext("2d")
    ?.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
}
