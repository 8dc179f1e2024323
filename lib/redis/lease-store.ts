// The lease in Redis: Redlock on one or an odd number of independent servers, and the term in one script.
// Redlock's faults stop here: no retries of its own, its wall-clock expiry is not used (the state
// machine has a monotonic one), and "held by another" is told from "unreachable".

import { createRequire } from 'node:module';
import type { Lock } from 'redlock';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { type RememberedHash, RESTORE_HASHES, restoreArgs } from './remembered.js';
import { defineScript, runScript } from './script.js';
import { READ_TERM } from './term.js';

// Its CommonJS form, for a quick start: one for `import` brings in another by `import`, which is slow (as connect.ts says).
const require = createRequire(import.meta.url);
const { default: Redlock, ExecutionError, ResourceLockedError } = require('redlock') as typeof import('redlock');

/** What became of an attempt to get the lease. */
export type AcquireOutcome =
  | { readonly kind: 'acquired'; readonly grant: LeaseGrant }
  /** Another has it, for `leftMs` more (null when that could not be read). */
  | { readonly kind: 'held'; readonly leftMs: number | null }
  | { readonly kind: 'unreachable' };

/** What became of a renewal. `lost`: the lease is not ours any more. */
export type RenewOutcome = 'renewed' | 'lost' | 'unreachable';

/** A lease that was granted; only good for the store that gave it. */
export interface LeaseGrant {
  /** Redlock's own handle; nobody else looks inside. */
  lock: unknown;
}

/** What the lease's driver needs of Redis. The fake of the tests passes the same contract. */
export interface LeaseStore {
  acquire(): Promise<AcquireOutcome>;
  renew(grant: LeaseGrant): Promise<RenewOutcome>;
  release(grant: LeaseGrant): Promise<void>;
  /** The next term, greater than `floor` and than any in Redis; null when Redis can't be reached. */
  takeTerm(floor: number, master: MasterFields): Promise<number | null>;
  /** Writes the master's hash again, for another TTL; false when a newer term stands in Redis. */
  refreshMaster(term: number, master: MasterFields): Promise<'written' | 'fenced' | 'unreachable'>;
  /** Removes the master's hash when it is still of this term. */
  clearMaster(term: number): Promise<void>;
}

/** What the master says of itself in its hash. */
export interface MasterFields {
  readonly name: string;
  readonly url: string;
  /** When it was elected, as ISO 8601. */
  readonly since: string;
}

// KEYS: term, master, then hashes. ARGV: floor, TTL ms, the master's fields, then what the hashes had: a Redis that
// knows a lower term than was seen lost its data, and from the new term on nobody can tell any more.
const TAKE_TERM = defineScript(`${READ_TERM}${RESTORE_HASHES}
if term < floor then restore(3, 6) end
term = string.format('%.0f', math.max(term, floor) + 1)
redis.call('SET', KEYS[1], term)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'name', ARGV[3], 'term', term, 'url', ARGV[4], 'since', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return term`);

// KEYS: term, master. ARGV: our term, TTL ms, then the master's fields.
const REFRESH_MASTER = defineScript(`${READ_TERM}
if term > floor then return 0 end
if term < floor then redis.call('SET', KEYS[1], ARGV[1]) end
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[2], 'name', ARGV[3], 'term', ARGV[1], 'url', ARGV[4], 'since', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`);

// KEYS: master. ARGV: our term.
const CLEAR_MASTER = defineScript(`
if redis.call('HGET', KEYS[1], 'term') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

// KEYS: lease. A lease always ends by itself: one that does not is garbage that would keep the fleet without a master.
const READ_LEASE = defineScript(`
local left = redis.call('PTTL', KEYS[1])
if left == -1 then redis.call('DEL', KEYS[1]) end
return left`);

// Redlock's own script writes the value again, which a full Redis (maxmemory) refuses; moving the
// expiry needs no memory, so a master keeps its lease there.
const EXTEND_LEASE = `
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return #KEYS`;

/**
 * The lease on real Redis servers.
 * @param clients one, or an odd number of independent servers; the first carries the data
 * @param remembered what a Redis that lost its data gets back with the next term, as far as this balancer knows
 */
export function createLeaseStore(clients: readonly Commands[], keys: Keys, ttlMs: number, remembered: () => readonly RememberedHash[] = () => []): LeaseStore {
  const [data] = clients as [Commands];
  const redlock = new Redlock(clients, { retryCount: 0, driftFactor: 0.01 }, { extendScript: () => EXTEND_LEASE });
  const masterArgs = (master: MasterFields): string[] => [master.name, master.url, master.since];

  const isHeld = async (error: unknown): Promise<boolean> => {
    if (!(error instanceof ExecutionError)) return false;
    const [attempt] = await Promise.all(error.attempts);
    if (attempt === undefined) return false;
    const refusals = [...attempt.votesAgainst.values()].filter((vote) => vote instanceof ResourceLockedError);
    return refusals.length >= attempt.quorumSize;
  };

  return {
    async acquire() {
      try {
        return { kind: 'acquired', grant: { lock: await redlock.acquire([keys.lease], ttlMs) } };
      } catch (error) {
        if (!(await isHeld(error))) return { kind: 'unreachable' };
        const leftMs = Number(await runScript(data, READ_LEASE, [keys.lease], []).catch(() => -1));
        return { kind: 'held', leftMs: leftMs < 0 ? null : leftMs };
      }
    },

    async renew(grant) {
      const lock = grant.lock as Lock;
      // Redlock looks at the wall clock, which can jump; whether the lease still holds is decided by
      // Redis and by the state machine's monotonic clock.
      lock.expiration = Number.MAX_SAFE_INTEGER;
      try {
        grant.lock = await redlock.extend(lock, ttlMs);
        return 'renewed';
      } catch (error) {
        return (await isHeld(error)) ? 'lost' : 'unreachable';
      }
    },

    async release(grant) {
      // What can't be released runs out by itself.
      await redlock.release(grant.lock as Lock).catch(() => undefined);
    },

    async takeTerm(floor, master) {
      try {
        const hashes = remembered();
        const term = Number(await runScript(data, TAKE_TERM, [keys.term, keys.master, ...hashes.map(({ key }) => key)], [floor, ttlMs, ...masterArgs(master), ...restoreArgs(hashes)]));
        return Number.isSafeInteger(term) && term > floor ? term : null;
      } catch {
        return null;
      }
    },

    async refreshMaster(term, master) {
      try {
        const written = await runScript(data, REFRESH_MASTER, [keys.term, keys.master], [term, ttlMs, ...masterArgs(master)]);
        return written === 0 ? 'fenced' : 'written';
      } catch {
        return 'unreachable';
      }
    },

    async clearMaster(term) {
      await runScript(data, CLEAR_MASTER, [keys.master], [term]).catch(() => undefined);
    },
  };
}
