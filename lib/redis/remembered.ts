// What a Redis that lost its data gets back: hashes that only operators write, and that every balancer remembers as it
// last read them. What stands in Redis already stays, since it was written after the loss.

/** A hash as a balancer remembers it. */
export interface RememberedHash {
  readonly key: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** Lua: puts the fields that are missing into the hashes KEYS[from], …; ARGV from `at` on are, for each, how many fields, then fields and values. A field that can't be written is left out. */
export const RESTORE_HASHES = `
local function restore(from, at)
  for key = from, #KEYS do
    local last = at + 2 * tonumber(ARGV[at])
    for pair = at + 1, last, 2 do redis.pcall('HSETNX', KEYS[key], ARGV[pair], ARGV[pair + 1]) end
    at = last + 1
  end
end
`;

/** The arguments that {@link RESTORE_HASHES} reads; the hashes' keys come last of all keys. */
export function restoreArgs(hashes: readonly RememberedHash[]): (string | number)[] {
  return hashes.flatMap(({ fields }) => [fields.size, ...[...fields].flat()]);
}
