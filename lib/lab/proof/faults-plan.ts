// What happens in a round of faults, and when: a round is a list of turns, and in a turn each contestant that takes part
// meets one fault. Pure. Contestants share a turn where their faults cost no CPU or do not touch each other; a Meercat
// balancer that starts needs much CPU for a moment, so those turns belong to one contestant.

import { FAULT_KINDS } from './contests.js';
import type { FaultKind, Program } from './figures.js';

/** Faults of what only Meercat has. */
const OF_COORDINATION: ReadonlySet<FaultKind> = new Set(['kill the master', 'cut a balancer off Redis', 'kill Redis']);

/** A contestant. */
export interface Planned {
  readonly program: Program;
  readonly balancers: number;
}

/** A turn: who meets which fault. */
export type FaultTurn<T extends Planned> = readonly { readonly contestant: T; readonly fault: FaultKind }[];

/** Whether this fault applies. A single balancer is its own master: to kill it is the same fault. */
export function appliesTo(fault: FaultKind, { program, balancers }: Planned): boolean {
  if (program === 'floor') return false;
  if (fault === 'kill the master' && balancers === 1) return false;
  return program === 'meercat' || !OF_COORDINATION.has(fault);
}

/** The turns of a round; turns in which nobody takes part are left out. */
export function planFaultRound<T extends Planned>(contestants: readonly T[], wanted: readonly FaultKind[] = FAULT_KINDS): FaultTurn<T>[] {
  const ours = contestants.filter(({ program }) => program === 'meercat');
  const peers = contestants.filter(({ program }) => program !== 'meercat');
  const of = (list: readonly T[], fault: FaultKind): FaultTurn<T> =>
    wanted.includes(fault) ? list.filter((contestant) => appliesTo(fault, contestant)).map((contestant) => ({ contestant, fault })) : [];
  const alone = (fault: FaultKind): FaultTurn<T>[] => ours.map((contestant) => of([contestant], fault));
  return [
    of(contestants, 'freeze a balancer'),
    [...of(ours, 'cut a balancer off Redis'), ...of(peers, 'rolling restart')],
    [...of(ours, 'kill Redis'), ...of(peers, 'kill a balancer')],
    ...alone('kill a balancer'),
    ...alone('kill the master'),
    ...alone('rolling restart'),
    // Last: a host that was dead is used less for a while.
    of(contestants, 'kill a host'),
  ].filter((turn) => turn.length > 0);
}
