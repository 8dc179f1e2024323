// Counts the messages on a fleet's channels, by listening to them: Redis sends each message once more for it.

import { parseRedisAddress } from '../redis/address.js';
import { openSubscription } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';

/** The measured channels. */
export type ChannelName = 'reports' | 'load' | 'stats';

/** Messages and bytes so far, by channel. */
export type MessageCounts = Readonly<Record<ChannelName, { messages: number; bytes: number }>>;

/** Counts from now on, until it is closed. */
export function countMessages(redisUrl: string, namespace: string): { read(): MessageCounts; close(): void } {
  const keys = buildKeys(namespace);
  const counts = { reports: { messages: 0, bytes: 0 }, load: { messages: 0, bytes: 0 }, stats: { messages: 0, bytes: 0 } };
  const of: Readonly<Record<string, ChannelName>> = { [keys.reports]: 'reports', [keys.load]: 'load', [keys.stats]: 'stats' };
  const subscription = openSubscription(parseRedisAddress(redisUrl), Object.keys(of), (channel, text) => {
    const count = counts[of[channel] as ChannelName];
    count.messages++;
    count.bytes += text.length;
  });
  return { read: () => structuredClone(counts), close: () => subscription.close() };
}
