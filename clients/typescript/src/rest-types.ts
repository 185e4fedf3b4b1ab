// Generated from the schemas of the server's OpenAPI document (GET /api/openapi.json). Do not edit.
// Update: npm run generate
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The user who made a change, with the name and role at that moment. */
        Actor: {
            /** @description The user's role in the vault. */
            role: components["schemas"]["Role"];
            /** @description The user. */
            userId: components["schemas"]["UserId"];
            /** @description The user's name. */
            userName: string;
        };
        /** @description The process is running. */
        Alive: {
            /**
             * @description The commit the server was built from, or `unknown` if the build did not name one.
             * @example 3f2a9c1d5b7e8f0a1c2d3e4f5a6b7c8d9e0f1a2b
             */
            commit: string;
            /** @example ok */
            status: string;
            /**
             * @description The server's version.
             * @example 0.1.0
             */
            version: string;
        };
        /** @description The fields of a sign-in. */
        Credentials: {
            callbackUrl?: string | null;
            csrfToken: string;
            email: string;
            json?: string | null;
            password: string;
        };
        /** @description The half of the CSRF token that the client sends in the body. */
        CsrfToken: {
            csrfToken: string;
        };
        /** @description The demo accounts. */
        Demo: {
            accounts: components["schemas"]["DemoAccount"][];
            /** @description The password of all accounts. */
            password: string;
        };
        DemoAccount: {
            email: string;
            name: string;
            /** @description The account's role in the demo vault. */
            role: components["schemas"]["Role"];
        };
        /** @description An event's type and payload. */
        Event: {
            /** @description A vault was created: the first event of every log. */
            payload: components["schemas"]["VaultCreated"];
            /** @enum {string} */
            type: "vault:created";
        } | {
            /** @description A vault was renamed. */
            payload: components["schemas"]["VaultUpdated"];
            /** @enum {string} */
            type: "vault:updated";
        } | {
            /** @description A vault was deleted: the last event of its log. */
            payload: components["schemas"]["VaultDeleted"];
            /** @enum {string} */
            type: "vault:deleted";
        } | {
            /** @description A user became a member. */
            payload: components["schemas"]["MemberAdded"];
            /** @enum {string} */
            type: "member:added";
        } | {
            /** @description A member's role changed. */
            payload: components["schemas"]["MemberUpdated"];
            /** @enum {string} */
            type: "member:updated";
        } | {
            /** @description A membership ended. The removed user receives `vault:left` instead. */
            payload: components["schemas"]["MemberRemoved"];
            /** @enum {string} */
            type: "member:removed";
        } | {
            /** @description A source was added. */
            payload: components["schemas"]["SourceCreated"];
            /** @enum {string} */
            type: "source:created";
        } | {
            /** @description A source was changed. */
            payload: components["schemas"]["SourceUpdated"];
            /** @enum {string} */
            type: "source:updated";
        } | {
            /** @description A source was deleted. */
            payload: components["schemas"]["SourceDeleted"];
            /** @enum {string} */
            type: "source:deleted";
        } | {
            /** @description The vault's content at this position; replaces the log before it. */
            payload: components["schemas"]["VaultSnapshot"];
            /** @enum {string} */
            type: "vault:snapshot";
        };
        /** @description A member, as it appears in events: without an email address, because the log is permanent. */
        EventMember: {
            /**
             * Format: date-time
             * @description When the membership began.
             */
            createdAt: string;
            /** @description The member's role. */
            role: components["schemas"]["Role"];
            /** @description The user. */
            userId: components["schemas"]["UserId"];
            /** @description The user's name. */
            userName: string;
        };
        /** @description The page to go to next. */
        GoTo: {
            url: string;
        };
        /** @description The history of a source. */
        History: {
            events: components["schemas"]["LogEntry"][];
        };
        /** @description An event of a vault's log. */
        LogEntry: components["schemas"]["Event"] & {
            /** Format: date-time */
            createdAt: string;
            /** Format: uuid */
            eventId: string;
            seq: components["schemas"]["Seq"];
        };
        /**
         * @description An email address and a password.
         * @example {
         *       "email": "ada@example.com",
         *       "password": "correct horse battery staple"
         *     }
         */
        Login: {
            email: string;
            password: string;
        };
        /** @description A page of a vault's log. */
        LogPage: {
            /** @description The events in order, without gaps. */
            events: components["schemas"]["LogEntry"][];
            /** @description The position of the newest event in the log. */
            headSeq: components["schemas"]["Seq"];
        };
        /**
         * @description A member of a vault.
         * @example {
         *       "createdAt": "2026-01-31T09:30:00.123Z",
         *       "email": "ada@example.com",
         *       "name": "Ada",
         *       "role": "contributor",
         *       "userId": "0198f1a1-40e5-7c02-9d1a-5b7f3e6a8c20"
         *     }
         */
        Member: {
            /**
             * Format: date-time
             * @description When the membership began.
             */
            createdAt: string;
            /** @description The user's address. */
            email: string;
            /** @description The user's name. */
            name: string;
            /** @description What the member may do. */
            role: components["schemas"]["Role"];
            /** @description The user. */
            userId: components["schemas"]["UserId"];
        };
        /** @description A user became a member. */
        MemberAdded: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /** @description The new member. */
            member: components["schemas"]["EventMember"];
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /** @description The member's new role. */
        MemberChange: {
            role: components["schemas"]["Role"];
        };
        /** @description The members of a vault, owners first. */
        MemberList: {
            members: components["schemas"]["Member"][];
        };
        /** @description A membership ended. The removed user receives `vault:left` instead. */
        MemberRemoved: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The user who is no longer a member. */
            userId: components["schemas"]["UserId"];
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /** @description A member's role changed. */
        MemberUpdated: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /** @description The member as it is now. */
            member: components["schemas"]["EventMember"];
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /**
         * @description The name of a vault.
         * @example {
         *       "name": "Reading list"
         *     }
         */
        NamedVault: {
            /** @description must have 1 to 200 characters, and no NUL */
            name: string;
        };
        /**
         * @description The user to add, by email address.
         * @example {
         *       "email": "ada@example.com",
         *       "role": "contributor"
         *     }
         */
        NewMember: {
            /** @description must be an email address of at most 254 characters */
            email: string;
            role: components["schemas"]["Role"];
        };
        /**
         * @description The body that creates a source.
         * @example {
         *       "fileUrl": "https://example.com/paper.pdf",
         *       "title": "A paper"
         *     }
         */
        NewSource: {
            /**
             * Format: uri
             * @description must be an absolute http or https URL of at most 2048 characters
             */
            fileUrl: string;
            /** @description must have 1 to 500 characters, and no NUL */
            title: string;
        };
        /** @description A member. */
        OneMember: {
            member: components["schemas"]["Member"];
        };
        /** @description A source. */
        OneSource: {
            source: components["schemas"]["Source"];
        };
        /** @description A vault. */
        OneVault: {
            vault: components["schemas"]["Vault"];
        };
        /** @description A problem document (RFC 9457). */
        Problem: {
            /** @description The machine-readable name of the error. */
            code: string;
            /** @description What went wrong, and what to do about it. */
            detail: string;
            /** @description The invalid field, if the error concerns one field. */
            field?: string;
            /** @description The id of the request, as in the header `X-Request-Id`. */
            requestId: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /** @description `urn:syncscript:problem:` and the code. */
            type: string;
        };
        /** @description A way to sign in. */
        Provider: {
            callbackUrl: string;
            id: string;
            name: string;
            signinUrl: string;
            type: string;
        };
        /** @description The server can serve requests. */
        Ready: {
            /** @example ready */
            status: string;
        };
        /** @description The registered user. */
        Registered: {
            user: components["schemas"]["User"];
        };
        /**
         * @description A new user.
         * @example {
         *       "email": "ada@example.com",
         *       "name": "Ada",
         *       "password": "correct horse battery staple"
         *     }
         */
        Registration: {
            /** @description must be an email address of at most 254 characters */
            email: string;
            /** @description must have 1 to 100 characters, and no NUL */
            name: string;
            /**
             * Format: password
             * @description must have 8 to 200 characters
             */
            password: string;
        };
        /**
         * @description A member's role. Owners manage the vault and its members, contributors change sources, viewers read.
         * @enum {string}
         */
        Role: "owner" | "contributor" | "viewer";
        /**
         * Format: int64
         * @description A position in one vault's log: 1 is its first event; 0 is "before the first".
         */
        Seq: number;
        /** @description The signed-in user, and when the session ends. */
        Session: {
            /**
             * Format: date-time
             * @description When the session ends.
             */
            expires: string;
            /** @description The user. */
            user: components["schemas"]["User"];
        };
        /** @description The fields of a sign-out. */
        SignOut: {
            callbackUrl?: string | null;
            csrfToken: string;
            json?: string | null;
        };
        /**
         * @description A source, in the same shape as in events.
         * @example {
         *       "createdAt": "2026-01-31T09:30:00.123Z",
         *       "fileUrl": "https://example.com/paper.pdf",
         *       "id": "0198f1a2-9c44-7a10-b2f3-6e8d1c0a5f72",
         *       "title": "A paper",
         *       "updatedAt": "2026-01-31T09:30:00.123Z",
         *       "vaultId": "0198f1a2-7b1c-7d3e-8f00-3c5a9d2e4b61",
         *       "version": 1
         *     }
         */
        Source: {
            /**
             * Format: date-time
             * @description When the source was created.
             */
            createdAt: string;
            /** @description The URL of the source's file. */
            fileUrl: string;
            /** @description The source's id. */
            id: components["schemas"]["SourceId"];
            /** @description The source's title. */
            title: string;
            /**
             * Format: date-time
             * @description When the source was last changed.
             */
            updatedAt: string;
            /** @description The vault that contains the source. */
            vaultId: components["schemas"]["VaultId"];
            /** @description How many times the source was written. */
            version: components["schemas"]["Version"];
        };
        /**
         * @description The body that changes a source.
         * @example {
         *       "title": "A better title"
         *     }
         */
        SourceChange: {
            fileUrl?: string | null;
            title?: string | null;
        };
        /** @description A source was added. */
        SourceCreated: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /** @description The source. */
            source: components["schemas"]["Source"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
        };
        /** @description A source was deleted. */
        SourceDeleted: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /** @description The source's id. */
            sourceId: components["schemas"]["SourceId"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault that contained the source. */
            vaultId: components["schemas"]["VaultId"];
        };
        /**
         * Format: uuid
         * @description A source; unique across vaults.
         */
        SourceId: string;
        /** @description Sources of a vault, oldest first. */
        SourcePage: {
            /** @description The `cursor` of the next page; `null` on the last page. */
            nextCursor: string | null;
            /**
             * @description The position in the log at which the list was read. `vault:join` with this value as `after` continues the list
             *     without gaps. If you read several pages, use the value of the first.
             */
            seq: components["schemas"]["Seq"];
            sources: components["schemas"]["Source"][];
        };
        /** @description A source was changed. */
        SourceUpdated: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /** @description The source as it is now. */
            source: components["schemas"]["Source"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
        };
        /**
         * @description A user, as the user sees it.
         * @example {
         *       "email": "ada@example.com",
         *       "id": "0198f1a1-40e5-7c02-9d1a-5b7f3e6a8c20",
         *       "name": "Ada"
         *     }
         */
        User: {
            /** @description The address that the user signs in with. */
            email: string;
            /** @description The user's id. */
            id: components["schemas"]["UserId"];
            /** @description The name that others see. */
            name: string;
        };
        /**
         * Format: uuid
         * @description A user, as the actor of an event or as a member of a vault.
         */
        UserId: string;
        /**
         * @description A vault as one of its members sees it.
         * @example {
         *       "createdAt": "2026-01-31T09:30:00.123Z",
         *       "headSeq": 42,
         *       "id": "0198f1a2-7b1c-7d3e-8f00-3c5a9d2e4b61",
         *       "name": "Reading list",
         *       "role": "owner",
         *       "updatedAt": "2026-01-31T09:30:00.123Z"
         *     }
         */
        Vault: {
            /**
             * Format: date-time
             * @description When the vault was created.
             */
            createdAt: string;
            /** @description Position of the newest event. */
            headSeq: components["schemas"]["Seq"];
            /** @description The vault's id. */
            id: components["schemas"]["VaultId"];
            /** @description The vault's name. */
            name: string;
            /** @description The role of the requesting member. */
            role: components["schemas"]["Role"];
            /**
             * Format: date-time
             * @description When the vault's name last changed.
             */
            updatedAt: string;
        };
        /** @description A vault was created: the first event of every log. */
        VaultCreated: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /** @description The vault's owner. */
            member: components["schemas"]["EventMember"];
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault. */
            vault: components["schemas"]["VaultInfo"];
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /** @description A vault was deleted: the last event of its log. */
        VaultDeleted: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /**
         * Format: uuid
         * @description A vault: the unit of order, membership and subscription.
         */
        VaultId: string;
        /** @description A vault, as it appears in events. */
        VaultInfo: {
            /**
             * Format: date-time
             * @description When the vault was created.
             */
            createdAt: string;
            /** @description The vault's id. */
            id: components["schemas"]["VaultId"];
            /** @description The vault's name. */
            name: string;
            /**
             * Format: date-time
             * @description When the vault's name last changed.
             */
            updatedAt: string;
        };
        /** @description The vaults of a user. */
        VaultList: {
            vaults: components["schemas"]["Vault"][];
        };
        /** @description The first event of a compacted log; never sent to sockets. */
        VaultSnapshot: {
            /**
             * Format: uuid
             * @description The snapshot's permanent id.
             */
            eventId: string;
            /** @description The vault's members. */
            members: components["schemas"]["EventMember"][];
            /** @description The position in the vault's log. */
            seq: components["schemas"]["Seq"];
            /** @description The vault's sources. */
            sources: components["schemas"]["Source"][];
            /**
             * Format: date-time
             * @description When the log was compacted.
             */
            timestamp: string;
            /** @description The vault. */
            vault: components["schemas"]["VaultInfo"];
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /** @description A vault was renamed. */
        VaultUpdated: {
            /** @description The user who made the change. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description The event's permanent id.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The replay's id, only in an event that an operator sent again. It does not advance the position.
             */
            replay?: string;
            /** @description The position in the vault's log, which has no gaps: 1, 2, 3, … */
            seq: components["schemas"]["Seq"];
            /**
             * Format: date-time
             * @description When the change was made.
             */
            timestamp: string;
            /** @description The vault as it is now. */
            vault: components["schemas"]["VaultInfo"];
            /** @description The vault's id. */
            vaultId: components["schemas"]["VaultId"];
        };
        /**
         * Format: int32
         * @description How many times a source was written: 1 at creation. Used as its ETag.
         */
        Version: number;
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Actor = components['schemas']['Actor'];
export type Alive = components['schemas']['Alive'];
export type Credentials = components['schemas']['Credentials'];
export type CsrfToken = components['schemas']['CsrfToken'];
export type Demo = components['schemas']['Demo'];
export type DemoAccount = components['schemas']['DemoAccount'];
export type Event = components['schemas']['Event'];
export type EventMember = components['schemas']['EventMember'];
export type GoTo = components['schemas']['GoTo'];
export type History = components['schemas']['History'];
export type LogEntry = components['schemas']['LogEntry'];
export type Login = components['schemas']['Login'];
export type LogPage = components['schemas']['LogPage'];
export type Member = components['schemas']['Member'];
export type MemberAdded = components['schemas']['MemberAdded'];
export type MemberChange = components['schemas']['MemberChange'];
export type MemberList = components['schemas']['MemberList'];
export type MemberRemoved = components['schemas']['MemberRemoved'];
export type MemberUpdated = components['schemas']['MemberUpdated'];
export type NamedVault = components['schemas']['NamedVault'];
export type NewMember = components['schemas']['NewMember'];
export type NewSource = components['schemas']['NewSource'];
export type OneMember = components['schemas']['OneMember'];
export type OneSource = components['schemas']['OneSource'];
export type OneVault = components['schemas']['OneVault'];
export type Problem = components['schemas']['Problem'];
export type Provider = components['schemas']['Provider'];
export type Ready = components['schemas']['Ready'];
export type Registered = components['schemas']['Registered'];
export type Registration = components['schemas']['Registration'];
export type Role = components['schemas']['Role'];
export type Seq = components['schemas']['Seq'];
export type Session = components['schemas']['Session'];
export type SignOut = components['schemas']['SignOut'];
export type Source = components['schemas']['Source'];
export type SourceChange = components['schemas']['SourceChange'];
export type SourceCreated = components['schemas']['SourceCreated'];
export type SourceDeleted = components['schemas']['SourceDeleted'];
export type SourceId = components['schemas']['SourceId'];
export type SourcePage = components['schemas']['SourcePage'];
export type SourceUpdated = components['schemas']['SourceUpdated'];
export type User = components['schemas']['User'];
export type UserId = components['schemas']['UserId'];
export type Vault = components['schemas']['Vault'];
export type VaultCreated = components['schemas']['VaultCreated'];
export type VaultDeleted = components['schemas']['VaultDeleted'];
export type VaultId = components['schemas']['VaultId'];
export type VaultInfo = components['schemas']['VaultInfo'];
export type VaultList = components['schemas']['VaultList'];
export type VaultSnapshot = components['schemas']['VaultSnapshot'];
export type VaultUpdated = components['schemas']['VaultUpdated'];
export type Version = components['schemas']['Version'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
