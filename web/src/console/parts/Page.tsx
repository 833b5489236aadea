/**
 * The frame of each page: its heading, which may have parts of the address in it, and which has the
 * focus when the page is opened.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Route, toHash } from "../route";
import { visibleText } from "../visible";
import { useSurroundings } from "./context";
import { Untrusted } from "./Untrusted";

export interface PageProps {
  title: string;
  /** Behind the heading. */
  actions?: ComponentChildren;
  /** Where it belongs. */
  above?: { route: Route; title: string };
  children: ComponentChildren;
}

export function Page({ title, actions, above, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${visibleText(title)} · upcall`;
  }, [title]);
  // With the page and not after it: whoever is quick has the focus elsewhere by then.
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <>
      {above !== undefined && (
        <p class="above">
          <a href={toHash(above.route)}>{above.title}</a>
        </p>
      )}
      <div class="page-head">
        <h1 ref={heading} tabIndex={-1}>
          <Untrusted text={title} />
        </h1>
        {actions !== undefined && <div class="buttons">{actions}</div>}
      </div>
      {children}
    </>
  );
}

export interface TableProps {
  label: string;
  /** Titles of the columns; an empty one is that of buttons. */
  head: string[];
  /** On a narrow screen each row is written as a sentence. */
  isSentences?: boolean;
  children: ComponentChildren;
}

/** A table that scrolls by itself, also by keyboard, where the screen is narrow. */
export function Table({ label, head, isSentences = false, children }: TableProps) {
  const { messages } = useSurroundings();
  return (
    <div class={isSentences ? "table sentences" : "table"} tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title === "" ? <span class="for-ears">{messages.actions}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Names and values. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
