/** The newest policy, to be looked at: what was signed, and which fields the form has. */
import { type SignedPolicy, formFields } from "uppy-upcall";
import type { ExampleMessages } from "./messages";
import { formatPolicy } from "./policyText";

export function Signed({ signed, examples }: { signed: SignedPolicy; examples: ExampleMessages }) {
  const own = { "idempotency-key": `… (${examples.idempotencyField})` };
  return (
    <section class="signed" data-version={signed.version}>
      <details>
        <summary>{examples.policyTitle}</summary>
        <pre tabIndex={0}>{formatPolicy(signed.fields["policy"] ?? "")}</pre>
      </details>
      <details>
        <summary>{examples.formTitle}</summary>
        <dl>
          {formFields(signed, `${signed.dir}… (${examples.keyField})`, own).map(([name, value]) => (
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
