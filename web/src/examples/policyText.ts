/** A policy as text: indented, with each condition on a line of its own, as people write it. */

export function formatPolicy(policy: string): string {
  const text = textOf(policy);
  try {
    return format(JSON.parse(text), "");
  } catch {
    return text; // as it came
  }
}

/** What is no base64 is shown as it came. */
function textOf(policy: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(policy), (letter) => letter.charCodeAt(0)));
  } catch {
    return policy;
  }
}

function format(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isArray = Array.isArray(value);
  const deeper = `${indent}  `;
  const members = Object.entries(value).map(
    ([name, member]) => (isArray ? "" : `${JSON.stringify(name)}: `) + format(member, deeper),
  );
  const isFlat = Object.values(value).every((member) => typeof member !== "object" || member === null);
  if (isFlat) return isArray ? `[${members.join(", ")}]` : `{ ${members.join(", ")} }`;
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
  return `${open}\n${deeper}${members.join(`,\n${deeper}`)}\n${indent}${close}`;
}
