// The policies that can be simulated: those of the product, and those they are compared with.

import { ALGORITHMS, type Algorithm } from '../../model.js';

/** The policies for comparison; each is described in its own file. */
export const PEERS = ['omniscient', 'omniscient-work', 'local-least-connections', 'prequal'] as const;

/** A policy for comparison. */
export type RivalName = (typeof PEERS)[number];

/** All policies that can be simulated. */
export const POLICY_NAMES: readonly (RivalName | Algorithm)[] = [...PEERS, ...ALGORITHMS];

/** The reference policy: it always sees the current state of all hosts. */
export const FLOOR: RivalName = 'omniscient';

/** The default policies. */
export const DEFAULT_POLICIES: readonly (RivalName | Algorithm)[] = POLICY_NAMES;

/** Whether a policy is omniscient, so that the number of balancers does not matter. */
export function isOmniscient(name: string): boolean {
  return name === 'omniscient' || name === 'omniscient-work';
}
