// Stores the answers of `meercat why`, and lists the balancers that can be asked.

import type { WhyAnswer } from '../explanation.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { readReply } from './replies.js';
import { isName } from './names.js';
import { encodeAnswer } from './why-message.js';

/** TTL of an answer; the asking process polls every few milliseconds. */
const ANSWER_TTL_MS = 10_000;

/** Stores an answer. Rejects if Redis is unreachable. */
export async function storeAnswer(client: Commands, keys: Keys, token: string, answer: WhyAnswer): Promise<void> {
  await client.set(keys.why(token), encodeAnswer(answer), 'PX', ANSWER_TTL_MS);
}

/** Reads and deletes the answer; null while there is none. */
export async function takeAnswer(client: Commands, keys: Keys, token: string): Promise<string | null> {
  const text = await client.get(keys.why(token));
  if (text !== null) await client.del(keys.why(token));
  return text;
}

/** A balancer that can be asked. */
export interface Asked {
  readonly name: string;
  /** Unique to each start of its process. */
  readonly instance: string;
}

/** The live balancers, in the order of joining, and the master's name. Rejects if Redis can't be read. */
export async function readAsked(
  client: Commands,
  keys: Keys,
): Promise<{ readonly balancers: readonly Asked[]; readonly master: string | null }> {
  const [order, master] = await Promise.all([client.zrange(keys.balancers, '0', '-1'), client.hget(keys.master, 'name')]);
  const names = order.filter(isName);
  const pipeline = client.pipeline();
  for (const name of names) pipeline.hget(keys.balancer(name), 'instance');
  const replies = await pipeline.exec();
  const balancers = names.flatMap((name, index) => {
    const instance = readReply(replies, index);
    return typeof instance === 'string' ? [{ name, instance }] : [];
  });
  return { balancers, master };
}
