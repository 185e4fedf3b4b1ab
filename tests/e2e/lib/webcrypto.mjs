// The oldest Node.js that the tests run on has this by another name. To be imported before what needs it.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
