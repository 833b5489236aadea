/** The whole console: who is not logged in logs in; then the page that the address names. */
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Language, LANGUAGE_TAGS, rememberLanguage } from "../messages";
import { LanguageChoice } from "../page/LanguageChoice";
import { catchDrops } from "../page/catchDrops";
import { Wordmark } from "../page/icons";
import { ask, whenSessionEnds } from "./api";
import { CONSOLE_CATALOGS } from "./messages";
import { Buckets } from "./pages/Buckets";
import { CallPage } from "./pages/CallPage";
import { Callbacks } from "./pages/Callbacks";
import { Login } from "./pages/Login";
import { Objects } from "./pages/Objects";
import { OverviewPage } from "./pages/OverviewPage";
import { Owed } from "./pages/Owed";
import { RefusalPage } from "./pages/RefusalPage";
import { Refusals } from "./pages/Refusals";
import { Settings } from "./pages/Settings";
import { SurroundingsContext } from "./parts/context";
import { type Route, parseHash, toHash } from "./route";

type Session = "asking" | "open" | "none";

export function App({ language: first }: { language: Language }) {
  const [language, setLanguage] = useState(first);
  const [session, setSession] = useState<Session>("asking");
  const route = useRoute();
  const messages = CONSOLE_CATALOGS[language];
  const main = useRef<HTMLElement>(null);
  const go = useCallback((to: Route) => {
    location.hash = toHash(to);
  }, []);
  const surroundings = useMemo(() => ({ language, messages, go }), [language, messages, go]);

  useEffect(() => {
    whenSessionEnds(() => setSession("none"));
    // Any answer but "Unauthorized", which is told above, means that there is one.
    ask("GET", "/v1/overview").finally(() => setSession((now) => (now === "asking" ? "open" : now))).catch(() => undefined);
  }, []);
  useEffect(() => catchDrops(null), []);
  useEffect(() => {
    document.documentElement.lang = LANGUAGE_TAGS[language];
  }, [language]);

  const choose = (chosen: Language): void => {
    rememberLanguage(chosen);
    setLanguage(chosen);
  };
  const logout = async (): Promise<void> => {
    await ask("POST", "/console/logout").catch(() => undefined);
    setSession("none");
  };

  return (
    <SurroundingsContext.Provider value={surroundings}>
      <header class="top">
        <a
          class="skip"
          href={toHash(route)}
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          {messages.skip}
        </a>
        <span class="brand">
          <Wordmark />
          <span class="soft">{messages.console}</span>
        </span>
        <span class="top-end">
          <LanguageChoice language={language} label={messages.language} onChoose={choose} />
          {session === "open" && (
            <button type="button" class="quiet" onClick={logout}>
              {messages.logout}
            </button>
          )}
        </span>
      </header>
      {session === "open" && <Navigation route={route} />}
      <main ref={main} tabIndex={-1}>
        {session === "none" && <Login onLogin={() => setSession("open")} />}
        {session === "open" && <Shown key={toHash(route)} route={route} />}
      </main>
      <footer>
        <a href="/console/LICENSES.txt">{messages.licences}</a>
      </footer>
    </SurroundingsContext.Provider>
  );

  function Navigation({ route: at }: { route: Route }) {
    const entries: [Route, string, Route["page"][]][] = [
      [{ page: "overview" }, messages.overview, ["overview"]],
      [{ page: "callbacks" }, messages.callbacks, ["callbacks", "call"]],
      [{ page: "owed" }, messages.owed, ["owed"]],
      [{ page: "refusals" }, messages.refusals, ["refusals", "refusal"]],
      [{ page: "buckets" }, messages.buckets, ["buckets", "objects", "settings"]],
    ];
    return (
      <nav aria-label={messages.pages}>
        <ul>
          {entries.map(([to, title, pages]) => (
            <li key={to.page}>
              <a href={toHash(to)} aria-current={pages.includes(at.page) ? "page" : undefined}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    );
  }
}

function Shown({ route }: { route: Route }) {
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "callbacks":
      return <Callbacks />;
    case "call":
      return <CallPage id={route.id} />;
    case "owed":
      return <Owed />;
    case "buckets":
      return <Buckets />;
    case "objects":
      return <Objects bucket={route.bucket} prefix={route.prefix} />;
    case "settings":
      return <Settings bucket={route.bucket} />;
    case "refusals":
      return <Refusals />;
    case "refusal":
      return <RefusalPage id={route.id} />;
  }
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseHash(location.hash));
  useEffect(() => {
    const read = (): void => setRoute(parseHash(location.hash));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return route;
}
