/** The three examples, to choose from. */
import { Frame } from "./Frame";
import { EXAMPLES, type Example } from "./sources";

export function IndexPage() {
  return (
    <Frame titleOf={({ indexTitle }) => indexTitle} textOf={({ indexText }) => indexText} isIndex>
      {({ examples }) => (
        <>
          <ol class="examples">
            {(Object.entries(EXAMPLES) as [Example, string][]).map(([example, address]) => (
              <li key={example} class="card">
                <h2>
                  <a href={address}>{examples[example].title}</a>
                </h2>
                <p>{examples[example].text}</p>
              </li>
            ))}
          </ol>
          <p class="also">
            <a href="/">{examples.uploadPage}</a>
          </p>
        </>
      )}
    </Frame>
  );
}
