// Lua scripts, sent by their hash and only once in full.

import { createHash } from 'node:crypto';
import type { Commands } from './connect.js';

/** A script and the hash that Redis knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Makes a script ready to be run. */
export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Runs a script; a Redis that does not have it yet gets its text. Rejects with Redis's error. */
export async function runScript(
  client: Commands,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  // As one list: spread over the call, the arguments of a few thousand hosts would overflow the stack.
  const all = [...keys, ...args.map(String)];
  try {
    return await client.evalsha(script.sha, keys.length, all);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(script.lua, keys.length, all);
  }
}
