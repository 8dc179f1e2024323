// Restores a Redis that lost its data: every balancer remembers the last read state of the hashes that only operators
// write. Fields that exist in Redis are kept, since they were written after the loss.

/** A hash as a balancer remembers it. */
export interface RememberedHash {
  readonly key: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** One balancer restores for all; the others notice the loss within this time, at their next heartbeat or reconnect. */
const RESTORED_FOR_MS = 60_000;

/**
 * Lua: adds missing fields to the hashes KEYS[from], …; ARGV from `at` on holds, for each hash, the number of fields,
 * then fields and values. Fields that can't be written are skipped. Runs once per loss, as marked by KEYS[marker]: a
 * setting that an operator removes after that must not be restored by the next balancer.
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
