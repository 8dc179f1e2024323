// How often balancers send their figures and the master publishes the fleet's: once a second, and less often in large fleets,
// so that the master spends at most 1 % of a core on either. Pure.

import { SECOND } from '../clock.js';

/** What a balancer's figures of one host cost the master: 1.75 µs to decode and merge, of which 1 % of a core affords this, in ms. */
const MS_PER_MEMBER = 0.175;

/** What one host of the fleet's figures costs it: 8 µs to build and encode, likewise. */
const MS_PER_HOST = 0.8;

/** Beyond this, figures are too old to be worth sending. */
export const LONGEST_FIGURES_MS = 10 * SECOND;

/** Interval of a balancer's figures, in ms: 1 s with up to 8 balancers and 700 hosts. */
export function figuresIntervalMs(balancers: number, hosts: number): number {
  return bounded(MS_PER_MEMBER * balancers * hosts);
}

/** Interval of the fleet's figures, in ms: 1 s with up to 1,250 hosts. */
export function viewIntervalMs(hosts: number): number {
  return bounded(MS_PER_HOST * hosts);
}

const bounded = (ms: number): number => Math.min(Math.max(SECOND, ms), LONGEST_FIGURES_MS);
