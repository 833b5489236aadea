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

/** Names and values of strangers: rows of a table. */
export function UntrustedRows({ pairs }: { pairs: [string, string][] }) {
  return (
    <>
      {pairs.map(([name, value], index) => (
        <tr key={index}>
          <td class="nowrap">
            <code>
              <Untrusted text={name} />
            </code>
          </td>
          <td class="wide">
            <code>
              <Untrusted text={value} />
            </code>
          </td>
        </tr>
      ))}
    </>
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
