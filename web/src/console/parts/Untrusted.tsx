/** Text of strangers: only ever text, with nothing in it hidden, and its direction kept to itself. */
import { visible } from "../visible";

export function Untrusted({ text }: { text: string }) {
  return <bdi class="untrusted">{pieces(text, "one")}</bdi>;
}

/** Several lines of it, as they stand. */
export function UntrustedBlock({ text, label }: { text: string; label: string }) {
  return (
    <pre class="block untrusted" dir="ltr" tabIndex={0} role="region" aria-label={label}>
      {pieces(text, "several")}
    </pre>
  );
}

function pieces(text: string, lines: "one" | "several") {
  return visible(text, lines).map((piece, index) =>
    piece.isNamed ? (
      <span key={index} class="named-character">
        {piece.text}
      </span>
    ) : (
      piece.text
    ),
  );
}
