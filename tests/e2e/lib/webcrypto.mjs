// Defines the global `crypto` on the oldest supported Node.js. Import this module before those that need it.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
