// How long an answer took and where, for Server-Timing (https://www.w3.org/TR/server-timing/).

import type { Story } from './story.js';

/**
 * The value of the field at this moment, in ms: time in queues; to connect to the last host, and that host's time until
 * the first byte of its answer, both left out if no host was asked; and all other time, earlier attempts among it.
 */
export function serverTimingOf({ startedMs, queuedMs, attempt }: Story, nowMs: number): string {
  let restMs = nowMs - startedMs - queuedMs;
  let text = `queue;dur=${rounded(queuedMs)}`;
  if (attempt !== undefined) {
    const { startedAtMs, connectedAtMs, firstByteAtMs } = attempt;
    const hasConnected = !Number.isNaN(connectedAtMs);
    const connectMs = (hasConnected ? connectedAtMs : nowMs) - startedAtMs;
    const hostMs = hasConnected ? (Number.isNaN(firstByteAtMs) ? nowMs : firstByteAtMs) - connectedAtMs : 0;
    restMs -= connectMs + hostMs;
    text += `, connect;dur=${rounded(connectMs)}${hasConnected ? `, host;dur=${rounded(hostMs)}` : ''}`;
  }
  return `${text}, meercat;dur=${rounded(restMs)}`;
}

/** To the microsecond, and never below 0: two readings of one clock may be rounded apart. */
const rounded = (ms: number): number => Math.max(0, Math.round(ms * 1000) / 1000);
