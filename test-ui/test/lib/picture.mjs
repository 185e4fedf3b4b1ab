// Shared by the scripts that make the pictures of the documentation.
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** Returns the output of a program, or undefined if the program is missing or fails. */
export function tool(program, args) {
  try {
    return execFileSync(program, args, { encoding: "utf8" });
  } catch {
    return undefined;
  }
}

/** Makes Chromium use the font Inter as the system font, if Inter is installed. Call this before launching Chromium. */
export function preferInter() {
  if (!tool("fc-list", [":family=Inter"])?.trim()) return;
  const config = `${mkdtempSync(`${tmpdir()}/fonts-`)}/fonts.conf`;
  const prefer = (family) => `<match><test name="family"><string>${family}</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>`;
  writeFileSync(
    config,
    `<?xml version="1.0"?><fontconfig><include>/etc/fonts/fonts.conf</include>${prefer("system-ui")}${prefer("sans-serif")}</fontconfig>`,
  );
  process.env.FONTCONFIG_FILE = config;
}
