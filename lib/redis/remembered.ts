// What a Redis that lost its data gets back: hashes that only operators write, and that every balancer remembers as it
// last read them. What stands in Redis already stays, since it was written after the loss.

/** A hash as a balancer remembers it. */
export interface RememberedHash {
  readonly key: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** Who puts hashes back does it for the others too, which notice the loss with their next heartbeat or reconnect. */
const RESTORED_FOR_MS = 60_000;

/**
 * Lua: puts the fields that are missing into the hashes KEYS[from], …; ARGV from `at` on are, for each, how many fields,
 * then fields and values. A field that can't be written is left out. Once for each loss, which the key KEYS[marker]
 * says: what an operator takes back after that must not come back with the next balancer.
 */
export const RESTORE_HASHES = `
local function restore(marker, from, at)
  if from > #KEYS then return end
  local given, last = 0, at
  for key = from, #KEYS do
    given = given + tonumber(ARGV[last])
    last = last + 1 + 2 * tonumber(ARGV[last])
  end
  local isFirst = given > 0 and redis.pcall('SET', KEYS[marker], '1', 'NX', 'PX', ${RESTORED_FOR_MS})
  if not isFirst or isFirst.err then return end
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
