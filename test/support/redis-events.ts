// What a client of Redis hears of its connection, for tests.

import { parseRedisAddress } from '../../lib/redis/address.js';
import { type ConnectionEvents, connectOnce } from '../../lib/redis/connect.js';
import { until } from './brackets.js';

/** The events of a connection, in order; reasons after `lost: `. */
export function listen(): { heard: string[]; events: Required<ConnectionEvents> } {
  const heard: string[] = [];
  return { heard, events: { onReady: () => void heard.push('ready'), onLost: (reason) => void heard.push(`lost: ${reason}`) } };
}

/** Waits for this many events. */
export function has(heard: readonly string[], count: number): Promise<true> {
  return until(() => heard.length >= count || undefined, { timeoutMs: 10_000, what: () => `${count} events, not ${heard.join(', ')}` });
}

/** Why a connection to this address fails; `connected` if it does not. */
export async function reasonFor(url: string, timeoutMs = 5000): Promise<string> {
  const outcome = await connectOnce(parseRedisAddress(url), timeoutMs).catch((error: Error) => error);
  if (outcome instanceof Error) return outcome.message;
  outcome.disconnect();
  return 'connected';
}
