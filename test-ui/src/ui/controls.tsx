// Buttons, badges and form fields.
import type { Role } from "@syncscript/client";
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./icons";

const BUTTON = {
  primary: "h-[2.375rem] px-4 bg-accent-fill text-white hover:bg-accent-hover",
  secondary: "h-[2.375rem] px-3.5 border border-control/60 bg-panel text-ink hover:bg-raised hover:border-control",
  small: "h-7 px-2.5 border border-control/60 bg-panel text-ink text-xs hover:bg-raised hover:border-control",
  danger: "h-[2.375rem] px-4 border border-bad/50 bg-bad-soft text-bad hover:border-bad",
  link: "px-0 text-accent underline underline-offset-2 decoration-accent/40 hover:decoration-accent",
};

export type ButtonVariant = keyof typeof BUTTON;

export const buttonClass = (variant: ButtonVariant, extra = ""): string =>
  `inline-flex shrink-0 items-center justify-center gap-1.5 rounded-lg text-sm font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-55 ${BUTTON[variant]} ${extra}`;

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "class"> & { variant?: ButtonVariant; class?: string };

export function Button({ variant = "secondary", class: extra, type = "button", ...rest }: ButtonProps) {
  return <button {...rest} type={type} class={buttonClass(variant, extra)} />;
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  /** Ignores clicks for now. Unlike a disabled button, the button keeps the focus. */
  inactive?: boolean;
}

/** A button that shows an icon only. `label` is its accessible name. */
export function IconButton({ icon, label, onClick, inactive = false }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      aria-disabled={inactive}
      onClick={() => !inactive && onClick()}
      class="grid size-8 shrink-0 place-items-center rounded-lg text-muted transition-colors hover:bg-raised hover:text-ink aria-disabled:cursor-progress aria-disabled:opacity-40"
    >
      <Icon name={icon} />
    </button>
  );
}

export function Badge({
  tone,
  children,
}: {
  tone: "good" | "busy" | "bad" | "accent" | "plain";
  children: ComponentChildren;
}) {
  const tones = {
    good: "bg-good-soft text-good",
    busy: "bg-busy-soft text-busy",
    bad: "bg-bad-soft text-bad",
    accent: "bg-accent-soft text-accent",
    plain: "bg-raised text-muted ring-1 ring-line ring-inset",
  };
  return (
    <span
      class={`inline-flex h-5 shrink-0 items-center rounded-full px-2 text-xs font-medium whitespace-nowrap ${tones[tone]}`}
    >
      {children}
    </span>
  );
}

export function RoleBadge({ role }: { role: Role }) {
  return <Badge tone={role === "viewer" ? "plain" : "accent"}>{role}</Badge>;
}

type InputProps = Pick<
  JSX.IntrinsicElements["input"],
  | "autocomplete"
  | "maxLength"
  | "minLength"
  | "name"
  | "onInput"
  | "pattern"
  | "placeholder"
  | "required"
  | "title"
  | "value"
>;

interface FieldProps extends InputProps {
  label: string;
  hideLabel?: boolean;
  type?: "text" | "email" | "password" | "url";
}

export function Field({ label, hideLabel = false, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div class="min-w-0">
      <label for={id} class={hideLabel ? "sr-only" : "mb-1.5 block text-sm font-medium"}>
        {label}
      </label>
      {/* Preact types inputs by their `type` attribute, and this input may have any of four. */}
      <input {...(rest as JSX.IntrinsicElements["input"])} id={id} class="field" />
    </div>
  );
}

/** An error message, which screen readers announce when it appears. */
export function ErrorMessage({ children }: { children: ComponentChildren }) {
  return (
    <p role="alert" class="rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad">
      {children}
    </p>
  );
}
