/** The page's languages: which there are, which one to begin with, how they write figures. */
import { en } from "./en";
import { zh } from "./zh";

export type Messages = typeof en;

export type Language = "en" | "zh";

export const CATALOGS: Readonly<Record<Language, Messages>> = { en, zh };

export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: "English", zh: "中文" };

/** What goes into `lang`. */
export const LANGUAGE_TAGS: Readonly<Record<Language, string>> = { en: "en", zh: "zh-CN" };

const REMEMBERED = "upcall.language";

/** The one chosen earlier, else the first of the browser's languages that there is. */
export function firstLanguage(browserLanguages: readonly string[], remembered: string | null): Language {
  for (const tag of [remembered ?? "", ...browserLanguages]) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "en" || language === "zh") return language;
  }
  return "en";
}

export function rememberedLanguage(): string | null {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage is switched off: nothing is remembered
  }
}

export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(REMEMBERED, language);
  } catch {
    // As above: the choice holds until the page is closed.
  }
}
