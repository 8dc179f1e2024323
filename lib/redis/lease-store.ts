// The lease in Redis: Redlock on one or an odd number of independent servers, and the term in one script.
// Redlock's weaknesses are contained here: its retries are off, its wall-clock expiry is unused (the state machine has a
// monotonic one), and "held by another" is distinguished from "unreachable".
// The random value of a lease is the identity of the mastership that may follow.

import { createRequire } from 'node:module';
import type { Lock } from 'redlock';
import { type Commands, isDenial, reasonOf } from './connect.js';
import type { Keys } from './keys.js';
import { type RememberedHash, RESTORE_HASHES, restoreArgs } from './remembered.js';
import { defineScript, defineVitalScript, runScript, type Script } from './script.js';
import { FENCE, type HeldTerm, READ_TERM, termArg } from './term.js';

// require, as in ioredis.ts: its ES build imports another CommonJS module, which Node.js would parse twice.
const require = createRequire(import.meta.url);
const { default: Redlock, ExecutionError, ResourceLockedError } = require('redlock') as typeof import('redlock');

/** Why an operation failed. `isSlow`: a command timed out, but may have been executed. */
export interface LeaseFailure {
  readonly kind: 'failed';
  /** One readable phrase. */
  readonly reason: string;
  readonly isSlow: boolean;
  /** Redis replied with an error. */
  readonly isRefused: boolean;
}

/** Another balancer holds the lease, for `leftMs` more (null if unknown). */
export interface LeaseHeld {
  readonly kind: 'held';
  readonly leftMs: number | null;
}

/** Outcome of an attempt to acquire the lease. */
export type AcquireOutcome = { readonly kind: 'acquired'; readonly grant: LeaseGrant } | LeaseHeld | LeaseFailure;

/** Outcome of a claim to a term. `missing`: neither Redis nor the claimant knows a term. */
export type TermOutcome = { readonly kind: 'taken'; readonly term: number } | { readonly kind: 'missing' } | LeaseFailure;

/** Outcome of a renewal. `lost`: the lease is no longer ours. */
export type RenewOutcome = 'renewed' | 'lost' | 'unreachable';

/** Outcome of the master's write of its own hash. `denied`: the user has no permission to write. */
export type MasterOutcome = 'written' | 'fenced' | 'denied' | 'unreachable';

/** A granted lease; valid only for the store that granted it. */
export interface LeaseGrant {
  /** The lease's random value, unique to this grant. */
  readonly mastership: string;
  /** Redlock's opaque handle. */
  lock: unknown;
}

/** A claim to a term. */
export interface TermClaim {
  readonly mastership: string;
  /** The highest term the claimant has seen. */
  readonly floor: number;
  /** Whether to start at term 1 if neither Redis nor the claimant knows one. */
  readonly mayFound: boolean;
}

/** The Redis operations of the lease driver. The fake in the tests passes the same contract tests. */
export interface LeaseStore {
  /** Whether the lease is free on the data server; does not take it. */
  look(): Promise<{ readonly kind: 'free' } | LeaseHeld | LeaseFailure>;
  acquire(): Promise<AcquireOutcome>;
  renew(grant: LeaseGrant): Promise<RenewOutcome>;
  /** Releases the lease. Once it resolves, a balancer that is notified finds the lease free, as far as can be determined. */
  release(grant: LeaseGrant): Promise<void>;
  /** Takes the next term, greater than the claim's floor and than the one in Redis. */
  takeTerm(claim: TermClaim, master: MasterFields): Promise<TermOutcome>;
  /** Rewrites the master's hash for another TTL; `fenced` if this mastership no longer holds the term. */
  refreshMaster(held: HeldTerm, master: MasterFields): Promise<MasterOutcome>;
  /** Removes the master's hash if it still belongs to this mastership. */
  clearMaster(mastership: string): Promise<void>;
  /** Raises the term in Redis to at least this one, without a holder. */
  raiseTerm(term: number): Promise<void>;
}

/** The master's fields in its hash. */
export interface MasterFields {
  readonly name: string;
  readonly url: string;
  /** When it was elected, as ISO 8601. */
  readonly since: string;
}

// KEYS: lease. ARGV: value, TTL ms.
const ACQUIRE_LEASE = defineVitalScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

// KEYS: lease. ARGV: value, TTL ms. Moving the expiry needs no memory, so a master keeps its lease in a full Redis.
const EXTEND_LEASE = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

// KEYS: lease. ARGV: value.
const RELEASE_LEASE = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/** Upper limit of the configurable lease; a key with more time left is not a balancer's. */
const MAX_LEASE_MS = 60_000;

// KEYS: lease. A lease always expires soon: one that does not is garbage that would leave the fleet without a master.
const READ_LEASE = defineScript(`
local left = redis.call('PTTL', KEYS[1])
if left == -1 or left > ${MAX_LEASE_MS} then
  redis.call('DEL', KEYS[1])
  return -1
end
return left`);

// KEYS: term, master, restored, then hashes. ARGV: floor (a `termArg`), mastership, whether it may found the fleet, TTL ms, the
// master's fields, then the contents of the hashes. A Redis with a lower term than the floor has lost its data: one more
// election may have been missed, and after the new term is written the loss of the settings can no longer be detected.
// The term is written last: a user without permission to write the hash must not use up terms.
const TAKE_TERM = defineVitalScript(`${READ_TERM}${RESTORE_HASHES}
if term == 0 and floor == 0 and ARGV[3] ~= '1' then return 'missing' end
if term < floor then
  restore(3, 4, 8)
  term = floor + 1
end
local taken = string.format('%.0f', term + 1)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'name', ARGV[5], 'term', taken, 'mastership', ARGV[2], 'url', ARGV[6], 'since', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('SET', KEYS[1], taken .. ' ' .. ARGV[2])
return taken`);

// KEYS: term, master. ARGV: our term, our mastership, TTL ms, then the master's fields.
const REFRESH_MASTER = defineVitalScript(`${READ_TERM}${FENCE}
if newer then return 0 end
if holder == '' then redis.call('SET', KEYS[1], own .. ' ' .. ARGV[2]) end
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[2], 'name', ARGV[4], 'term', own, 'mastership', ARGV[2], 'url', ARGV[5], 'since', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1`);

// KEYS: master. ARGV: our mastership.
const CLEAR_MASTER = defineScript(`
if redis.call('HGET', KEYS[1], 'mastership') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

// KEYS: term. ARGV: the term.
const RAISE_TERM = defineVitalScript(`${READ_TERM}
if term < floor then redis.call('SET', KEYS[1], own) end
return 0`);

const LEASE_SCRIPTS = new Map([ACQUIRE_LEASE, EXTEND_LEASE, RELEASE_LEASE].map((script) => [script.sha, script]));

/** The client interface that Redlock uses; its scripts run like all of ours. */
interface RedlockClient {
  evalsha(sha: string, keys: number, args: readonly (string | number)[]): Promise<unknown>;
}

function redlockClient(client: Commands): RedlockClient {
  return {
    async evalsha(sha, keys, args) {
      const script = LEASE_SCRIPTS.get(sha) as Script;
      // One command, whether or not the server has the script cached: a balancer notified of the release finds the lease free.
      if (script === RELEASE_LEASE) return client.eval(script.lua, keys, args.map(String));
      return runScript(client, script, args.slice(0, keys).map(String), args.slice(keys));
    },
  };
}

/**
 * The lease on real Redis servers.
 * @param clients one, or an odd number of independent servers; the first holds the data
 * @param remembered the hashes that this balancer restores, with the next term, in a Redis that lost its data
 */
export function createLeaseStore(
  clients: readonly Commands[],
  keys: Keys,
  ttlMs: number,
  remembered: () => readonly RememberedHash[] = () => [],
): LeaseStore {
  const [data] = clients as [Commands];
  const adapters = new Map<unknown, Commands>(clients.map((client) => [redlockClient(client), client]));
  const redlock = new Redlock(
    [...adapters.keys()] as ConstructorParameters<typeof Redlock>[0],
    { retryCount: 0, driftFactor: 0.01 },
    { acquireScript: () => ACQUIRE_LEASE.lua, extendScript: () => EXTEND_LEASE.lua, releaseScript: () => RELEASE_LEASE.lua },
  );
  const masterArgs = (master: MasterFields): string[] => [master.name, master.url, master.since];

  const votesAgainst = async (error: unknown): Promise<{ readonly quorum: number; readonly errors: readonly Error[] } | undefined> => {
    if (!(error instanceof ExecutionError)) return undefined;
    const [attempt] = await Promise.all(error.attempts);
    return attempt && { quorum: attempt.quorumSize, errors: [...attempt.votesAgainst.values()] };
  };
  const isHeld = async (error: unknown): Promise<boolean> => {
    const against = await votesAgainst(error);
    return against !== undefined && against.errors.filter((each) => each instanceof ResourceLockedError).length >= against.quorum;
  };

  /** Why the servers did not grant the lease. */
  const quorumFailure = async (error: unknown): Promise<LeaseFailure> => {
    const against = await votesAgainst(error);
    const errors = against?.errors.filter((each) => !(each instanceof ResourceLockedError)) ?? [];
    const [first] = errors;
    if (first === undefined || clients.length === 1) return failureOf(first ?? error);
    return {
      ...failureOf(first),
      reason: `${errors.length} of ${clients.length} lease servers can't be used (${failureOf(first).reason})`,
      isSlow: errors.some((each) => failureOf(each).isSlow),
    };
  };

  /** Writes the lease to servers that came back without it: otherwise they would be missing from the next quorum. */
  const putBack = async ({ attempts, value }: Lock): Promise<void> => {
    const attempt = await attempts.at(-1);
    for (const [adapter, vote] of attempt?.votesAgainst ?? []) {
      if (vote instanceof ResourceLockedError)
        await adapters
          .get(adapter)
          ?.set(keys.lease, value, 'PX', ttlMs, 'NX')
          .catch(() => undefined);
    }
  };

  return {
    async look() {
      try {
        const leftMs = Number(await runScript(data, READ_LEASE, [keys.lease], []));
        return leftMs < 0 ? { kind: 'free' } : { kind: 'held', leftMs };
      } catch (error) {
        return failureOf(error);
      }
    },

    async acquire() {
      try {
        const lock = await redlock.acquire([keys.lease], ttlMs);
        return { kind: 'acquired', grant: { mastership: lock.value, lock } };
      } catch (error) {
        if (!(await isHeld(error))) return quorumFailure(error);
        const leftMs = Number(await runScript(data, READ_LEASE, [keys.lease], []).catch(() => -1));
        return { kind: 'held', leftMs: leftMs < 0 ? null : leftMs };
      }
    },

    async renew(grant) {
      const lock = grant.lock as Lock;
      // Redlock uses the wall clock, which can jump; Redis and the state machine's monotonic clock decide whether the lease
      // still holds.
      lock.expiration = Number.MAX_SAFE_INTEGER;
      try {
        const renewed = await redlock.extend(lock, ttlMs);
        grant.lock = renewed;
        if (clients.length > 1) void putBack(renewed);
        return 'renewed';
      } catch (error) {
        return (await isHeld(error)) ? 'lost' : 'unreachable';
      }
    },

    async release(grant) {
      // A lease that can't be released expires. A single server executes our commands in order, so there is no need to
      // wait for its reply, which can be lost although the command was executed.
      const released = redlock.release(grant.lock as Lock).catch(() => undefined);
      if (clients.length > 1) await released;
    },

    async takeTerm({ mastership, floor, mayFound }, master) {
      try {
        const hashes = remembered();
        const reply = await runScript(
          data,
          TAKE_TERM,
          [keys.term, keys.master, keys.restored, ...hashes.map(({ key }) => key)],
          [termArg(floor), mastership, mayFound ? 1 : 0, ttlMs, ...masterArgs(master), ...restoreArgs(hashes)],
        );
        if (reply === 'missing') return { kind: 'missing' };
        const term = Number(reply);
        return Number.isSafeInteger(term) && term > floor
          ? { kind: 'taken', term }
          : failureOf(Object.assign(new Error('terms can’t be counted further'), { name: 'ReplyError' }));
      } catch (error) {
        return failureOf(error);
      }
    },

    async refreshMaster({ term, mastership }, master) {
      try {
        const written = await runScript(
          data,
          REFRESH_MASTER,
          [keys.term, keys.master],
          [termArg(term), mastership, ttlMs, ...masterArgs(master)],
        );
        return written === 0 ? 'fenced' : 'written';
      } catch (error) {
        return isDenial(reasonOf(error)) ? 'denied' : 'unreachable';
      }
    },

    async clearMaster(mastership) {
      await runScript(data, CLEAR_MASTER, [keys.master], [mastership]).catch(() => undefined);
    },

    async raiseTerm(term) {
      await runScript(data, RAISE_TERM, [keys.term], [termArg(term)]).catch(() => undefined);
    },
  };
}

function failureOf(error: unknown): LeaseFailure {
  const { name = '', message = '' } = error instanceof Error ? error : {};
  return { kind: 'failed', reason: reasonOf(error), isSlow: /timed out/i.test(message), isRefused: name === 'ReplyError' };
}
