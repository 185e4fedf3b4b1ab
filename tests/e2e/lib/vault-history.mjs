// A vault whose log has every type of event that a vault can have while it exists.

/**
 * Creates a vault and writes a history of changes. Contributor and viewer are members at the end. Returns the vault with
 * `head` and with the created `sources` by name.
 */
export async function writeVaultHistory(
  { owner, contributor, viewer },
  { name = 'A "story"\\ \u{1F4DA} \u2028' } = {},
) {
  const vault = await owner.createVault("Before");
  const sources = {};
  sources.kept = await owner.createSource(vault.id, 'Kept \u{1D11E} "quoted" \\ \u0007');
  await owner.addMember(vault.id, contributor.user, "viewer");
  await owner.expect(200, "PATCH", `/api/vaults/${vault.id}/members/${contributor.user.id}`, { role: "contributor" });
  sources.changed = await contributor.createSource(vault.id, "Changed");
  await contributor.updateSource(sources.changed.id, { title: "Changed once" });
  sources.gone = await contributor.createSource(vault.id, "Gone");
  await owner.addMember(vault.id, viewer.user, "viewer");
  await contributor.updateSource(sources.changed.id, { fileUrl: "https://example.test/second.pdf" });
  await owner.deleteSource(sources.gone.id);
  await owner.expect(204, "DELETE", `/api/vaults/${vault.id}/members/${viewer.user.id}`);
  await owner.expect(200, "PATCH", `/api/vaults/${vault.id}`, { name });
  await owner.addMember(vault.id, viewer.user, "viewer");
  sources.last = await owner.createSource(vault.id, "Last");
  return { ...vault, name, sources, head: sources.last.seq };
}

/** Lists a vault's sources by REST: the current ones, or those at a position. */
export const listSources = (rest, vaultId, query = "") =>
  rest.expect(200, "GET", `/api/vaults/${vaultId}/sources${query}`).then(({ body }) => body);
