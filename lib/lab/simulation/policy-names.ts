// The policies that can be simulated: those of the product, and those they are compared with.

import { ALGORITHMS, type Algorithm } from '../../model.js';

/** The policies for comparison; each is described in its own file. */
export const PEERS = [
  'omniscient',
  'omniscient-work',
  'local-least-connections',
  'prequal',
  'least-loaded',
  'random',
  'weighted-round-robin',
  'yarp-two-choices',
  'linear',
  'c3',
] as const;

/** A policy for comparison. */
export type RivalName = (typeof PEERS)[number];

/** All policies that can be simulated. */
export const POLICY_NAMES: readonly (RivalName | Algorithm)[] = [...PEERS, ...ALGORITHMS];

/** The reference policy: it always sees the current state of all hosts. */
export const FLOOR: RivalName = 'omniscient';

/** Peers that only the scenario `prequal-testbed` has by default. */
const TESTBED_PEERS: ReadonlySet<string> = new Set(['least-loaded', 'random', 'weighted-round-robin', 'yarp-two-choices', 'linear', 'c3']);

/** The default policies. */
export const DEFAULT_POLICIES: readonly (RivalName | Algorithm)[] = POLICY_NAMES.filter((name) => !TESTBED_PEERS.has(name));

/** Whether a policy runs on what agents and balancers tell through Redis: those of the product. */
export function usesFleet(name: string): boolean {
  return (ALGORITHMS as readonly string[]).includes(name);
}

/** Whether a policy is omniscient, so that the number of balancers does not matter. */
export function isOmniscient(name: string): boolean {
  return name === 'omniscient' || name === 'omniscient-work';
}
