// The mix of client actions in `churn`: drawn with a seed, so that every run has the same mix.

import { Random } from '../routing/random.js';

/** All actions with their percentages, which sum up to 100. */
export const MIX = [
  ['get', 32, 'a GET on a kept connection'],
  ['post', 16, 'a POST of up to 64 KiB, with a length or in chunks, echoed'],
  ['pipelined', 6, 'four GETs in one piece'],
  ['trickled', 4, 'a GET whose answer comes in two parts'],
  ['leave-early', 7, 'leaves before the answer'],
  ['leave-answer', 6, 'leaves in the middle of the answer'],
  ['leave-body', 6, 'leaves in the middle of its body'],
  ['reset-early', 5, 'resets before the answer'],
  ['reset-answer', 4, 'resets in the middle of the answer'],
  ['reset-body', 3, 'resets in the middle of its body'],
  ['host-cuts', 4, 'the host resets in the middle of the answer'],
  ['socket-closed', 3, 'a WebSocket that is closed well'],
  ['socket-reset', 2, 'a WebSocket that is reset with a message on its way'],
  ['socket-refused', 2, 'a WebSocket that the host refuses'],
] as const satisfies readonly (readonly [name: string, percent: number, what: string])[];

/** The name of an action. */
export type ActionName = (typeof MIX)[number][0];

/** The largest request or response body. */
export const MAX_BODY_BYTES = 64 << 10;

/** Draws an action according to the percentages. */
export function drawAction(random: Random): ActionName {
  let left = random.below(100);
  for (const [name, percent] of MIX) {
    left -= percent;
    if (left < 0) return name;
  }
  return 'get';
}

/** Draws a body size up to the largest; small ones are more frequent, as on real sites. */
export function drawSize(random: Random): number {
  return random.below(1 << random.below(Math.log2(MAX_BODY_BYTES) + 1));
}

/** A body unique to one request. */
export function bodyFor(id: string, size: number): Buffer {
  return Buffer.alloc(size, `${id}.`);
}

/** The body with which the host rejects a WebSocket. */
export function refusalFor(id: string): string {
  return `not ${id}\n`;
}
