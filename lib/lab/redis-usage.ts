// What a Redis has used and carried so far, as it says itself; use the difference of two readings.

import type { Commands } from '../redis/connect.js';

/** CPU time reported by Redis; NaN if unavailable. */
export async function redisCpuSeconds(client: Commands): Promise<number> {
  const text = await client.info('cpu').catch(() => '');
  const of = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return of('used_cpu_user') + of('used_cpu_sys');
}

/** Messages published so far, from scripts too (`commandstats` in INFO); NaN if unavailable. */
export async function redisPublished(client: Commands): Promise<number> {
  const text = await client.info('commandstats').catch(() => '');
  const calls = [...text.matchAll(/^cmdstat_s?publish:calls=(\d+)/gm)].map(([, count]) => Number(count));
  return calls.length === 0 ? Number.NaN : calls.reduce((sum, each) => sum + each, 0);
}
