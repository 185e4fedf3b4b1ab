// Signing in, and back to where one came from.
import type { Role } from "@syncscript/client";
import { useEffect, useState } from "preact/hooks";
import { currentUser, type Demo, demo as loadDemo, register, signIn, type User } from "../api/api";
import { returnTarget } from "../lib/link";
import { Button, buttonClass, Failure, Field, RoleBadge } from "../ui/controls";
import { Mark } from "../ui/icons";

export function LoginPage() {
  const query = new URLSearchParams(location.search);
  const target = returnTarget(query.get("returnTo"));
  const [demo, setDemo] = useState<Demo>();
  const [present, setPresent] = useState<User | null>(null);
  const [joining, setJoining] = useState(false);
  const [busy, setBusy] = useState(false);
  // Whoever signed in by a form without script, or by Auth.js, is led here after a failure.
  const refused = query.get("error") === "CredentialsSignin";
  const [failure, setFailure] = useState(refused ? "Email or password is wrong" : "");
  useEffect(() => {
    document.title = "Sign in · SyncScript";
    // Both are a help only: without an answer there is the form.
    loadDemo().then(setDemo, () => {});
    currentUser().then(setPresent, () => {});
  }, []);

  const attempt = async (act: () => Promise<void>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setFailure("");
    try {
      await act();
      location.replace(target);
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [email, name, password] = ["email", "name", "password"].map((field) => String(form.get(field) ?? ""));
    void attempt(async () => {
      if (joining) await register(email as string, name as string, password as string);
      await signIn(email as string, password as string);
    });
  };

  return (
    <main id="main" class="mx-auto flex min-h-full w-full max-w-sm flex-col justify-center gap-4 p-4">
      <div class="flex items-center gap-3">
        <Mark class="size-10" />
        <div>
          <h1 class="text-xl font-semibold tracking-tight">
            {joining ? "Create an account" : "Sign in to SyncScript"}
          </h1>
          <p class="text-sm text-muted">Shared lists of sources, live.</p>
        </div>
      </div>
      {query.get("reason") === "ended" && (
        <p role="status" class="rounded-lg bg-busy-soft px-3 py-2 text-sm text-busy">
          Your session ended. Sign in again to go on where you were.
        </p>
      )}
      <form onSubmit={submit} class="grid gap-4 rounded-xl border border-line bg-panel p-5">
        <Field label="Email" name="email" type="email" required maxLength={254} autocomplete="username" />
        {joining && <Field label="Name" name="name" required maxLength={100} autocomplete="name" />}
        <Field
          label="Password"
          name="password"
          type="password"
          required
          maxLength={200}
          {...(joining ? { minLength: 8, autocomplete: "new-password" } : { autocomplete: "current-password" })}
        />
        {failure && <Failure>{failure}</Failure>}
        <Button look="main" type="submit" disabled={busy}>
          {busy ? "One moment…" : joining ? "Create account" : "Sign in"}
        </Button>
        <p class="text-center text-sm text-muted">
          {joining ? "You have an account? " : "No account yet? "}
          <Button look="link" onClick={() => setJoining(!joining)}>
            {joining ? "Sign in" : "Create one"}
          </Button>
        </p>
      </form>
      {demo && (
        <DemoAccounts demo={demo} busy={busy} onChoose={(email) => void attempt(() => signIn(email, demo.password))} />
      )}
      {present && (
        <p class="flex flex-wrap items-center justify-between gap-2 text-sm text-muted">
          <span class="min-w-0 truncate">You are signed in as {present.name}.</span>
          <a href={target} class={buttonClass("link")}>
            Go on as {present.name}
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
        Or take a demo account
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
