// The members and their roles. Owners manage them here, and every member can leave.
import { type Member, RestError, type Role } from "@syncscript/client";
import { useState } from "preact/hooks";
import { addMember, changeMember, removeMember } from "../api/api";
import { formatCount } from "../lib/format";
import type { VaultModel } from "../model/vault-model";
import { Button, ErrorMessage, Field, IconButton, RoleBadge } from "./controls";
import { Dialog } from "./dialog";
import { Panel } from "./panel";

const ROLES: readonly Role[] = ["owner", "contributor", "viewer"];

export function Members({ model }: { model: VaultModel }) {
  const [error, setError] = useState("");
  const [removing, setRemoving] = useState<Member>();
  /** Pending role changes, by user id. */
  const [pendingRoles, setPendingRoles] = useState<ReadonlyMap<string, Role>>(new Map());
  const isOwner = model.role === "owner";
  const members = [...model.members.values()];

  const attempt = async (action: () => Promise<unknown>): Promise<boolean> => {
    setError("");
    try {
      await action();
      return true;
    } catch (error) {
      setError(error instanceof Error ? error.message : String(error));
      if (error instanceof RestError && error.status === 401) model.onSessionEnded();
      return false;
    }
  };
  const changeRole = async (member: Member, role: Role): Promise<void> => {
    const { userId } = member;
    setPendingRoles((all) => new Map(all).set(userId, role));
    await attempt(() => changeMember(model.vaultId, member, role));
    setPendingRoles((all) => new Map([...all].filter(([id]) => id !== userId)));
  };

  return (
    <Panel title="Members" aside={<p class="text-xs text-muted">{formatCount(members.length, "member")}</p>}>
      <ul class="max-h-56 overflow-y-auto px-4" tabIndex={members.length > 5 ? 0 : -1} aria-label="Members">
        {members.map((member) => (
          <li key={member.userId} class="flex h-11 items-center gap-2 text-sm" data-member={member.userId}>
            <span class="min-w-0 flex-1 truncate" title={member.userName}>
              {member.userName}
              {member.userId === model.user.id && <span class="text-muted"> (you)</span>}
            </span>
            {isOwner ? (
              <RoleSelect
                label={`Role of ${member.userName}`}
                role={pendingRoles.get(member.userId) ?? member.role}
                busy={pendingRoles.has(member.userId)}
                onChange={(role) => void changeRole(member, role)}
              />
            ) : (
              <RoleBadge role={member.role} />
            )}
            {(isOwner || member.userId === model.user.id) && (
              <IconButton
                icon="cross"
                label={member.userId === model.user.id ? "Leave this vault" : `Remove ${member.userName}`}
                onClick={() => setRemoving(member)}
              />
            )}
          </li>
        ))}
      </ul>
      <div class="grid gap-2 px-4 pt-1 pb-4">
        {isOwner ? (
          <AddMember add={(email, role) => attempt(() => addMember(model.vaultId, email, role))} />
        ) : (
          <p class="text-xs text-muted">Owners add members and set their roles.</p>
        )}
        {error && <ErrorMessage>{error}</ErrorMessage>}
      </div>
      {removing && (
        <RemoveMember
          model={model}
          member={removing}
          onClose={() => setRemoving(undefined)}
          onConfirm={() => void attempt(() => removeMember(model.vaultId, removing))}
        />
      )}
    </Panel>
  );
}

interface RoleSelectProps {
  label: string;
  role: Role;
  busy?: boolean;
  onChange: (role: Role) => void;
  class?: string;
}

function RoleSelect({
  label,
  role,
  busy = false,
  onChange,
  class: extra = "h-8 w-auto px-1.5 text-xs",
}: RoleSelectProps) {
  return (
    <select
      aria-label={label}
      aria-busy={busy}
      class={`field shrink-0 ${extra}`}
      value={role}
      onChange={(event) => {
        const wanted = event.currentTarget.value as Role;
        // The select keeps showing the current role until the server confirms the change.
        event.currentTarget.value = role;
        onChange(wanted);
      }}
    >
      {ROLES.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}

function AddMember({ add }: { add: (email: string, role: Role) => Promise<boolean> }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    if (await add(email, role)) setEmail("");
    setBusy(false);
  };
  return (
    <form
      onSubmit={(event) => void submit(event)}
      aria-label="Add a member"
      class="grid grid-cols-[minmax(0,1fr)_auto_auto] gap-2"
    >
      <Field
        label="Email address"
        hideLabel
        type="email"
        placeholder="User’s email address"
        required
        maxLength={254}
        autocomplete="off"
        value={email}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <RoleSelect label="Role" role={role} onChange={setRole} class="w-auto px-1.5 text-sm" />
      <Button type="submit" disabled={busy}>
        Add
      </Button>
    </form>
  );
}

interface RemoveMemberProps {
  model: VaultModel;
  member: Member;
  onClose: () => void;
  onConfirm: () => void;
}

function RemoveMember({ model, member, onClose, onConfirm }: RemoveMemberProps) {
  const self = member.userId === model.user.id;
  return (
    <Dialog title={self ? "Leave this vault?" : "Remove this member?"} onClose={onClose}>
      <p class="text-sm break-words text-muted">
        {self
          ? "You lose access to this vault until an owner adds you again."
          : `${member.userName} loses access immediately, in every open window.`}
      </p>
      <div class="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          variant="danger"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {self ? "Leave" : "Remove"}
        </Button>
      </div>
    </Dialog>
  );
}
