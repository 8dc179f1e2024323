// The wait of a request for a place among those that the fleet may have in flight to the pool, and for a host at its in-flight
// limit: how it ends, and why it is given up.

import { formatDuration } from '../../config/config.js';
import type { ClientSide } from '../client/client-side.js';
import type { Host } from '../host/host.js';
import type { AttemptContext } from './attempt-context.js';
import type { PoolLimit } from './pool-limit.js';

/**
 * How a wait ended: there is `room`; another pick must be made (`again`); the queue was `full` at the start; the deadline
 * has passed (`late`); or the client has `gone`.
 */
export type Turn = 'room' | 'again' | 'full' | 'late' | 'gone';

/**
 * Waits for room on a host, unless its queue is full. The wait also ends when the client goes away. A request that is
 * let in checks again: if the host is out by then, or another request took the room, the result is `again`.
 */
export async function waitFor(
  { count, clock, hosts }: AttemptContext,
  client: ClientSide,
  host: Host,
  deadlineMs: number,
  isFirst: boolean,
): Promise<Turn> {
  const { queue } = host;
  if (queue.isFull) {
    count('refused_queue_full');
    return 'full';
  }
  if (isFirst) count('requests_queued');
  const end = clock() < deadlineMs ? await queue.wait(deadlineMs, () => !client.isGone) : 'timeout';
  const isUsable = hosts.isCandidate(host, clock());
  // A request that leaves without using the room passes it on.
  if (end === 'room' && client.isGone && isUsable && hosts.hasRoom(host)) queue.letIn();
  if (client.isGone) return 'gone';
  if (end === 'timeout') {
    count('timeouts_queue');
    return 'late';
  }
  return end === 'room' && isUsable && hosts.hasRoom(host) ? 'room' : 'again';
}

/** Waits for a place, unless the queue is full; it is taken if the result is `room`. The wait also ends when the client goes away. */
export async function waitForPlace(
  { count }: Pick<AttemptContext, 'count'>,
  client: ClientSide,
  limit: PoolLimit,
  deadlineMs: number,
): Promise<Turn> {
  if (limit.isQueueFull) return 'full';
  count('requests_queued');
  const end = await limit.wait(deadlineMs, () => !client.isGone);
  if (end === 'room') return 'room';
  if (client.isGone) return 'gone';
  if (end === 'gone') return 'again';
  count('timeouts_queue');
  return 'late';
}

/** Why a request is refused that found no place. */
export function whyLimited(turn: Turn, queueTimeoutMs: number): string {
  return turn === 'full'
    ? 'the fleet has as many requests in flight to the pool as it may (limits.fleet), and the queue is full (limits.queue)'
    : `no place among the requests of the fleet (limits.fleet) within ${formatDuration(queueTimeoutMs)} (limits.queueTimeout)`;
}

/** Why a request that waited is refused. */
export function whyBusy(turn: Turn, { name }: Host, queueTimeoutMs: number): string {
  return turn === 'full'
    ? `the queue of ${name} is full (--host-queue)`
    : `no host had room within ${formatDuration(queueTimeoutMs)} (--queue-timeout)`;
}
