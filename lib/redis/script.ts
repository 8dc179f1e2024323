// Lua scripts, sent by their hash and only once in full.

import { createHash } from 'node:crypto';
import type { Commands } from './connect.js';

/** A script and the hash that Redis knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
  /** The same for servers that do not know the flag `allow-oom`; absent when the script has no flag. */
  readonly plain?: Script;
}

/** Makes a script ready to be run. */
export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Makes a script ready to be run that a full Redis (`maxmemory`) must not refuse: it writes a few small keys, over and
 * over again. Redis 7 and Valkey grant that by a flag; older servers refuse the script while they are full.
 */
export function defineVitalScript(lua: string): Script {
  return { ...defineScript(`#!lua flags=allow-oom\n${lua}`), plain: defineScript(lua) };
}

/** Connections to servers that do not know flags of scripts. */
const withoutFlags = new WeakSet<Commands>();

/** Runs a script; a Redis that does not have it yet gets its text. Rejects with Redis's error. */
export async function runScript(
  client: Commands,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  // As one list: spread over the call, the arguments of a few thousand hosts would overflow the stack.
  const all = [...keys, ...args.map(String)];
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

async function run(client: Commands, { lua, sha }: Script, keyCount: number, all: string[]): Promise<unknown> {
  try {
    return await client.evalsha(sha, keyCount, all);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(lua, keyCount, all);
  }
}

/** Whether a server could not read a script: to those that know no flags, the first line is no Lua. */
function isNotCompiled(error: unknown): boolean {
  return error instanceof Error && /compil|unexpected symbol/i.test(error.message);
}
