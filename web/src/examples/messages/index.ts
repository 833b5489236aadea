/** The example pages' own sentences; those about how an upload ended are the upload page's. */
import type { Language } from "../../messages";
import { en } from "./en";
import { zh } from "./zh";

export type ExampleMessages = typeof en;

export const EXAMPLE_CATALOGS: Readonly<Record<Language, ExampleMessages>> = { en, zh };
