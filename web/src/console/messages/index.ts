/** The console's sentences, in the languages that the upload page has, too. */
import type { Language } from "../../messages";
import { en } from "./en";
import { zh } from "./zh";

export { en };

export type ConsoleMessages = typeof en;

export const CONSOLE_CATALOGS: Readonly<Record<Language, ConsoleMessages>> = { en, zh };
