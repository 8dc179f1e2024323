// The secret that the balancers of a fleet without a fleet key share through Redis: whoever finds none writes its own, and
// all go by what stands there. Invariant: what is no secret is never used, and only the master replaces it.

import { randomBytes } from 'node:crypto';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { defineVitalScript, runScript } from './script.js';

/** 32 bytes as hex. */
const SECRET_CHARS = 64;

/** What stands in Redis. `found`: it did before; `written`: ours does now; `replaced`: ours does, in place of garbage; `bad`: garbage does. */
export type SharedSecret = { readonly kind: 'found' | 'written' | 'replaced'; readonly secret: string } | { readonly kind: 'bad' };

/** A new secret: 32 random bytes as hex. */
export function newSecret(): string {
  return randomBytes(SECRET_CHARS / 2).toString('hex');
}

/** Whether this has the form of a secret. */
export function isSecret(value: unknown): value is string {
  return typeof value === 'string' && value.length === SECRET_CHARS && /^[0-9a-f]+$/.test(value);
}

// KEYS: secret. ARGV: our secret, 1 for a master. A value is read only if it has the length of a secret.
const SHARE = defineVitalScript(`
local length = redis.pcall('HSTRLEN', KEYS[1], 'secret')
if length == ${SECRET_CHARS} then
  local secret = redis.call('HGET', KEYS[1], 'secret')
  if string.match(secret, '^[0-9a-f]+$') then return {'found', secret} end
end
if length ~= 0 and ARGV[2] ~= '1' then return {'bad'} end
if length ~= 0 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'secret', ARGV[1])
return {length == 0 and 'written' or 'replaced', ARGV[1]}`);

/** Reads the fleet's secret, or writes ours where there is none. Rejects if Redis is unreachable or denies it. @param ours a secret */
export async function shareSecret(client: Commands, keys: Keys, ours: string, isMaster: boolean): Promise<SharedSecret> {
  const [kind, secret] = (await runScript(client, SHARE, [keys.secret], [ours, isMaster ? 1 : 0])) as [SharedSecret['kind'], unknown];
  return kind !== 'bad' && isSecret(secret) ? { kind, secret } : { kind: 'bad' };
}
