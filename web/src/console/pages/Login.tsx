/** The door: the admin secret for a session. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api";
import { useSurroundings } from "../parts/context";
import { ErrorNote } from "../parts/ErrorNote";
import { useDoing } from "../parts/useAsked";

export function Login({ onLogin }: { onLogin: () => void }) {
  const { messages } = useSurroundings();
  const [secret, setSecret] = useState("");
  const doing = useDoing();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${messages.loginTitle} · upcall`;
  }, [messages]);
  useEffect(() => field.current?.focus(), []);

  const login = async (event: Event): Promise<void> => {
    event.preventDefault();
    const isIn = await doing.run(async () => {
      await ask("POST", "/console/login", { secret: secret.trim() });
    });
    if (isIn) onLogin();
    else field.current?.select();
  };
  const isTooOften = doing.error?.code === "TooManyAttempts";
  const error = isTooOften ? new ApiError(429, "TooManyAttempts", messages.waitSeconds, "") : doing.error;
  return (
    <form class="login sheet" onSubmit={login}>
      <h1>{messages.loginTitle}</h1>
      <p class="soft">{messages.loginText}</p>
      <label class="field">
        <span>{messages.secret}</span>
        <input
          ref={field}
          type="password"
          name="secret"
          autocomplete="current-password"
          required
          value={secret}
          aria-describedby="secret-hint"
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
      </label>
      <p id="secret-hint" class="hint">
        {messages.secretHint}
      </p>
      <ErrorNote error={error} />
      <button type="submit" class="primary" disabled={doing.isBusy}>
        {messages.login}
      </button>
    </form>
  );
}
