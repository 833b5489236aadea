/** Where each example gets its signed policies from. */
import { PolicySource, type SignedPolicy, getPolicy } from "uppy-upcall";
import type { ExampleSettings } from "./settings";
import { type Version, sign } from "./sign";

export type Example = "browserSignature" | "serverSignature" | "serverCallback";

export const EXAMPLES: Readonly<Record<Example, string>> = {
  browserSignature: "/examples/browser-signature/",
  serverSignature: "/examples/server-signature/",
  serverCallback: "/examples/server-callback/",
};

/** A signature of one generation, and who makes it. */
export interface Source {
  policies: PolicySource;
  /** The address that is asked; `null` where the page signs by itself. */
  url: string | null;
}

export type Sources = Partial<Record<Version, Source>>;

/** `onSigned` hears of every policy that is got. */
export function sourcesOf(
  example: Example,
  settings: ExampleSettings,
  onSigned: (signed: SignedPolicy) => void,
): Sources {
  const source = (url: string | null, ask: () => Promise<SignedPolicy>): Source => ({
    url,
    policies: new PolicySource(async () => {
      const signed = await ask();
      onSigned(signed);
      return signed;
    }),
  });
  const asked = (url: string): Source => source(url, () => getPolicy(url));

  switch (example) {
    case "browserSignature":
      return {
        V1: source(null, () => sign("V1", settings)),
        V4: source(null, () => sign("V4", settings)),
      };
    case "serverSignature":
      return settings.policyUrlWithoutCallback === null
        ? {}
        : { V1: asked(settings.policyUrlWithoutCallback) };
    case "serverCallback":
      return {
        V1: asked(settings.policyUrl),
        ...(settings.policyUrlV4 === null ? {} : { V4: asked(settings.policyUrlV4) }),
      };
  }
}
