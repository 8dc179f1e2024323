// Lua scripts, sent by hash (EVALSHA) and in full only once.

import { createHash } from 'node:crypto';
import type { Commands } from './connect.js';

/** A script and its SHA-1. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
  /** The variant for servers without the flag `allow-oom`; absent if the script has no flag. */
  readonly plain?: Script;
}

/** Prepares a script. */
export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Prepares a script that must also run on a full Redis (`maxmemory`): it only rewrites a few small keys, or what
 * operators have set. Redis 7 and Valkey allow that by a flag; older servers reject the script while they are full.
 */
export function defineVitalScript(lua: string): Script {
  return { ...defineScript(`#!lua flags=allow-oom\n${lua}`), plain: defineScript(lua) };
}

/** Connections to servers without script flags. */
const withoutFlags = new WeakSet<Commands>();

/** Runs a script; sends its text if Redis does not have it cached. Rejects with Redis's error. */
export async function runScript(
  client: Commands,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  // One array: spreading the arguments of a few thousand hosts would overflow the stack.
  const all = [...keys, ...args.map((each) => (Buffer.isBuffer(each) ? each : String(each)))];
  if (script.plain === undefined) return run(client, script, keys.length, all);
  if (withoutFlags.has(client)) return run(client, script.plain, keys.length, all);
  try {
    return await run(client, script, keys.length, all);
  } catch (error) {
    if (!isNotCompiled(error)) throw error;
    withoutFlags.add(client);
    return run(client, script.plain, keys.length, all);
  }
}

async function run(client: Commands, { lua, sha }: Script, keyCount: number, all: (string | Buffer)[]): Promise<unknown> {
  try {
    return await client.evalsha(sha, keyCount, all);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(lua, keyCount, all);
  }
}

/** Whether a server failed to compile a script: without flag support, the first line is not valid Lua. */
function isNotCompiled(error: unknown): boolean {
  return error instanceof Error && /compil|unexpected symbol/i.test(error.message);
}
