import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { setToken } from "../api.ts";
import { Brand } from "../parts/brand.tsx";

/** Asks for the token of the pipeline; it is kept for this tab only. */
export function Login({ isWrong, onToken }: { isWrong: boolean; onToken: () => void }): VNode {
  const [token, setText] = useState("");
  return (
    <main class="login card">
      <Brand name="sluice" />
      <form
        class="login-form"
        onSubmit={(event) => {
          event.preventDefault();
          setToken(token.trim());
          onToken();
        }}
      >
        <h1>Sign in</h1>
        <p class="muted">This pipeline asks for its token, which is in its file under [http].</p>
        <label class="field">
          <span>Token</span>
          <input
            class="input"
            type="password"
            autocomplete="off"
            autofocus
            required
            value={token}
            aria-describedby={isWrong ? "wrong" : undefined}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        {isWrong && (
          <p id="wrong" class="t-bad" role="alert">
            That is not the token of this pipeline.
          </p>
        )}
        <button class="btn main">Sign in</button>
      </form>
    </main>
  );
}
