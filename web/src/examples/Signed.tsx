/** The newest policy, to be looked at: what was signed, and which fields the form has. */
import { type SignedPolicy, formFields } from "uppy-upcall";
import { formatAnswer } from "../format";
import type { ExampleMessages } from "./messages";

export function Signed({ signed, examples }: { signed: SignedPolicy; examples: ExampleMessages }) {
  return (
    <section class="signed" data-version={signed.version}>
      <details>
        <summary>{examples.policyTitle}</summary>
        <pre tabIndex={0}>{formatAnswer(textOf(signed.fields["policy"] ?? ""))}</pre>
      </details>
      <details>
        <summary>{examples.formTitle}</summary>
        <dl>
          {formFields(signed, `${signed.dir}… (${examples.keyField})`).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
          <div>
            <dt>file</dt>
            <dd>{examples.fileField}</dd>
          </div>
        </dl>
      </details>
    </section>
  );
}

/** The policy's text; what is no base64 is shown as it came. */
function textOf(policy: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(policy), (letter) => letter.charCodeAt(0)));
  } catch {
    return policy;
  }
}
