// The login page. After sign-in, it returns to the page that the user came from.
import type { Role } from "@syncscript/client";
import { useEffect, useState } from "preact/hooks";
import { type Demo, fetchCurrentUser, fetchDemo, register, signIn, type User } from "../api/api";
import { signInTarget } from "../lib/urls";
import { Button, buttonClass, ErrorMessage, Field, RoleBadge } from "../ui/controls";
import { Logo } from "../ui/icons";

export function LoginPage() {
  const query = new URLSearchParams(location.search);
  const target = signInTarget(query.get("returnTo"));
  const [demo, setDemo] = useState<Demo>();
  const [currentUser, setCurrentUser] = useState<User | null>(null);
  const [registering, setRegistering] = useState(false);
  const [busy, setBusy] = useState(false);
  // A failed sign-in by a form without scripts, or by Auth.js, redirects here.
  const rejected = query.get("error") === "CredentialsSignin";
  const [error, setError] = useState(rejected ? "Email or password is wrong" : "");
  useEffect(() => {
    document.title = "Sign in · SyncScript";
    // Both are optional: without a response, the page shows the form only.
    fetchDemo().then(setDemo, () => {});
    fetchCurrentUser().then(setCurrentUser, () => {});
  }, []);

  const attempt = async (action: () => Promise<void>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await action();
      location.replace(target);
    } catch (error) {
      setError(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [email, name, password] = ["email", "name", "password"].map((field) => String(form.get(field) ?? ""));
    void attempt(async () => {
      if (registering) await register(email as string, name as string, password as string);
      await signIn(email as string, password as string);
    });
  };

  return (
    <main id="main" class="mx-auto flex min-h-full w-full max-w-sm flex-col justify-center gap-4 p-4">
      <div class="flex items-center gap-3">
        <Logo class="size-10" />
        <div>
          <h1 class="text-xl font-semibold tracking-tight">
            {registering ? "Create an account" : "Sign in to SyncScript"}
          </h1>
          <p class="text-sm text-muted">Shared lists of sources, live.</p>
        </div>
      </div>
      {query.get("reason") === "ended" && (
        <p role="status" class="rounded-lg bg-busy-soft px-3 py-2 text-sm text-busy">
          Your session ended. Sign in again to continue where you left off.
        </p>
      )}
      <form onSubmit={submit} class="grid gap-4 rounded-xl border border-line bg-panel p-5">
        <Field label="Email" name="email" type="email" required maxLength={254} autocomplete="username" />
        {registering && <Field label="Name" name="name" required maxLength={100} autocomplete="name" />}
        <Field
          label="Password"
          name="password"
          type="password"
          required
          maxLength={200}
          {...(registering ? { minLength: 8, autocomplete: "new-password" } : { autocomplete: "current-password" })}
        />
        {error && <ErrorMessage>{error}</ErrorMessage>}
        <Button variant="primary" type="submit" disabled={busy}>
          {busy ? "Please wait…" : registering ? "Create account" : "Sign in"}
        </Button>
        <p class="text-center text-sm text-muted">
          {registering ? "Already have an account? " : "No account yet? "}
          <Button variant="link" onClick={() => setRegistering(!registering)}>
            {registering ? "Sign in" : "Create one"}
          </Button>
        </p>
      </form>
      {demo && (
        <DemoAccounts demo={demo} busy={busy} onChoose={(email) => void attempt(() => signIn(email, demo.password))} />
      )}
      {currentUser && (
        <p class="flex flex-wrap items-center justify-between gap-2 text-sm text-muted">
          <span class="min-w-0 truncate">You are signed in as {currentUser.name}.</span>
          <a href={target} class={buttonClass("link")}>
            Continue as {currentUser.name}
          </a>
        </p>
      )}
    </main>
  );
}

interface DemoProps {
  demo: Demo;
  busy: boolean;
  onChoose: (email: string) => void;
}

function DemoAccounts({ demo, busy, onChoose }: DemoProps) {
  return (
    <section aria-labelledby="demo" class="grid gap-2">
      <h2 id="demo" class="text-sm font-medium">
        Or use a demo account
      </h2>
      {demo.accounts.map(({ email, name, role }: { email: string; name: string; role: Role }) => (
        <button
          key={email}
          type="button"
          disabled={busy}
          onClick={() => onChoose(email)}
          class="flex items-center gap-3 rounded-xl border border-line bg-panel px-4 py-2.5 text-left transition-colors hover:border-accent disabled:opacity-55"
        >
          <span class="min-w-0 flex-1">
            <span class="block truncate text-sm font-medium">{name}</span>
            <span class="block truncate text-xs text-muted">{email}</span>
          </span>
          <RoleBadge role={role} />
        </button>
      ))}
    </section>
  );
}
