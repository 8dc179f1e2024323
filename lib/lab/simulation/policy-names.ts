// The policies that can be simulated: those of the product, and what they are held against.

import { ALGORITHMS, type Algorithm } from '../../model.js';

/** What the product's policies are held against; each is told of in a file of its own. */
export const PEERS = ['omniscient', 'omniscient-work', 'local-least-connections', 'prequal'] as const;

/** A policy that is no product of ours. */
export type RivalName = (typeof PEERS)[number];

/** All that can be simulated. */
export const POLICY_NAMES: readonly (RivalName | Algorithm)[] = [...PEERS, ...ALGORITHMS];

/** What the others are measured against: it sees every host at every instant. */
export const FLOOR: RivalName = 'omniscient';

/** What is simulated unless told otherwise. */
export const DEFAULT_POLICIES: readonly (RivalName | Algorithm)[] = POLICY_NAMES;

/** Whether a policy sees all hosts as they are: the number of balancers is nothing to it. */
export function isOmniscient(name: string): boolean {
  return name === 'omniscient' || name === 'omniscient-work';
}
