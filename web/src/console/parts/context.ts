/** What every part of the console needs: its language, its sentences, and where it is. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Language } from "../../messages";
import { type ConsoleMessages, en } from "../messages";
import type { Route } from "../route";

export interface Surroundings {
  language: Language;
  messages: ConsoleMessages;
  go: (route: Route) => void;
}

export const SurroundingsContext = createContext<Surroundings>({
  language: "en",
  messages: en,
  go: () => undefined,
});

export function useSurroundings(): Surroundings {
  return useContext(SurroundingsContext);
}
