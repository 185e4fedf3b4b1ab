// Who is in the vault and as what; owners change it here, everyone may leave.
import { type Member, RestError, type Role } from "@syncscript/client";
import { useState } from "preact/hooks";
import { addMember, changeMember, removeMember } from "../api/api";
import { count } from "../lib/text";
import type { VaultModel } from "../model/vault-model";
import { Button, Failure, Field, IconButton, RoleBadge } from "./controls";
import { Dialog } from "./dialog";
import { Panel } from "./panel";

const ROLES: readonly Role[] = ["owner", "contributor", "viewer"];

export function Members({ model }: { model: VaultModel }) {
  const [failure, setFailure] = useState("");
  const [leaving, setLeaving] = useState<Member>();
  /** Whose role is being changed, to what. */
  const [asked, setAsked] = useState<ReadonlyMap<string, Role>>(new Map());
  const owner = model.role === "owner";
  const members = [...model.members.values()];

  const attempt = async (change: () => Promise<unknown>): Promise<boolean> => {
    setFailure("");
    try {
      await change();
      return true;
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      if (error instanceof RestError && error.status === 401) model.sessionEnded();
      return false;
    }
  };
  const assign = async (member: Member, role: Role): Promise<void> => {
    const { userId } = member;
    setAsked((all) => new Map(all).set(userId, role));
    await attempt(() => changeMember(model.vaultId, member, role));
    setAsked((all) => new Map([...all].filter(([id]) => id !== userId)));
  };

  return (
    <Panel title="Members" aside={<p class="text-xs text-muted">{count(members.length, "member")}</p>}>
      <ul class="max-h-56 overflow-y-auto px-4" tabIndex={members.length > 5 ? 0 : -1} aria-label="Members">
        {members.map((member) => (
          <li key={member.userId} class="flex h-11 items-center gap-2 text-sm" data-member={member.userId}>
            <span class="min-w-0 flex-1 truncate" title={member.userName}>
              {member.userName}
              {member.userId === model.me.id && <span class="text-muted"> (you)</span>}
            </span>
            {owner ? (
              <RoleChoice
                label={`Role of ${member.userName}`}
                role={asked.get(member.userId) ?? member.role}
                busy={asked.has(member.userId)}
                onChange={(role) => void assign(member, role)}
              />
            ) : (
              <RoleBadge role={member.role} />
            )}
            {(owner || member.userId === model.me.id) && (
              <IconButton
                icon="cross"
                label={member.userId === model.me.id ? "Leave this vault" : `Remove ${member.userName}`}
                onClick={() => setLeaving(member)}
              />
            )}
          </li>
        ))}
      </ul>
      <div class="grid gap-2 px-4 pt-1 pb-4">
        {owner ? (
          <AddMember add={(email, role) => attempt(() => addMember(model.vaultId, email, role))} />
        ) : (
          <p class="text-xs text-muted">Owners add members and set their roles.</p>
        )}
        {failure && <Failure>{failure}</Failure>}
      </div>
      {leaving && (
        <Leaving
          model={model}
          member={leaving}
          onClose={() => setLeaving(undefined)}
          onSure={() => void attempt(() => removeMember(model.vaultId, leaving))}
        />
      )}
    </Panel>
  );
}

interface RoleChoiceProps {
  label: string;
  role: Role;
  busy?: boolean;
  onChange: (role: Role) => void;
  class?: string;
}

function RoleChoice({
  label,
  role,
  busy = false,
  onChange,
  class: extra = "h-8 w-auto px-1.5 text-xs",
}: RoleChoiceProps) {
  return (
    <select
      aria-label={label}
      aria-busy={busy}
      class={`field shrink-0 ${extra}`}
      value={role}
      onChange={(event) => {
        const wanted = event.currentTarget.value as Role;
        // What stands there is what is, until the server has said yes.
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
        placeholder="Email of a user"
        required
        maxLength={254}
        autocomplete="off"
        value={email}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <RoleChoice label="Role" role={role} onChange={setRole} class="w-auto px-1.5 text-sm" />
      <Button type="submit" disabled={busy}>
        Add
      </Button>
    </form>
  );
}

interface LeavingProps {
  model: VaultModel;
  member: Member;
  onClose: () => void;
  onSure: () => void;
}

function Leaving({ model, member, onClose, onSure }: LeavingProps) {
  const self = member.userId === model.me.id;
  return (
    <Dialog title={self ? "Leave this vault?" : "Remove this member?"} onClose={onClose}>
      <p class="text-sm break-words text-muted">
        {self
          ? "You see nothing of it any more, until an owner adds you again."
          : `${member.userName} loses access at once, in every window that is open.`}
      </p>
      <div class="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="danger"
          onClick={() => {
            onSure();
            onClose();
          }}
        >
          {self ? "Leave" : "Remove"}
        </Button>
      </div>
    </Dialog>
  );
}
