// What `bench policies` measures: its contestants by name, and the ones that `--only` chooses. Pure. Everything is checked
// before anything is started: an unknown name, or a flag that the choice makes meaningless.

import { MeercatError } from '../errors.js';
import { ALGORITHMS, type Algorithm } from '../model.js';
import type { BenchFlags } from './context.js';

/** Other programs' algorithms, by their own keywords, in the order of the report. */
export const PEER_ALGORITHMS = [
  { program: 'haproxy', label: 'haproxy leastconn', balance: 'leastconn', hasAgents: false },
  { program: 'haproxy', label: 'haproxy random(2)', balance: 'random(2)', hasAgents: false },
  { program: 'haproxy', label: 'haproxy leastconn+agents', balance: 'leastconn', hasAgents: true },
  { program: 'haproxy', label: 'haproxy roundrobin+agents', balance: 'roundrobin', hasAgents: true },
  { program: 'nginx', label: 'nginx least_conn', balance: 'least_conn', hasAgents: false },
  { program: 'nginx', label: 'nginx random two', balance: 'random two least_conn', hasAgents: false },
] as const;

/** Another program's algorithm; `hasAgents` if agents of Meercat set the weights of its hosts. */
export type PeerPlan = (typeof PEER_ALGORITHMS)[number];

/** The omniscient balancer, which is always measured: the others are compared with it. */
export const OMNISCIENT = 'omniscient, no proxy';

/** Chooses the measurement of the control plane, which is no contestant. */
const CONTROL_PLANE = 'control-plane';

/** The name of one of Meercat's algorithms in the report. */
export function ourName(algorithm: Algorithm): string {
  return `meercat ${algorithm}`;
}

/** What is measured. */
export interface PoliciesPlan {
  readonly algorithms: readonly Algorithm[];
  readonly peers: readonly PeerPlan[];
  readonly hasControlPlane: boolean;
}

/**
 * Chooses what is measured: everything without `--only`, which takes names of contestants (`haproxy leastconn`), programs
 * (`haproxy`), the rest of a name without its program (`leastconn`), and `control-plane`. Throws MEERCAT_BAD_CONFIG.
 */
export function planPolicies({ only, hosts }: Pick<BenchFlags, 'only' | 'hosts'>): PoliciesPlan {
  if (only === undefined) return { algorithms: ALGORITHMS, peers: PEER_ALGORITHMS, hasControlPlane: true };
  const names = [...ALGORITHMS.map(ourName), ...PEER_ALGORITHMS.map(({ label }) => label)];
  for (const wanted of only) {
    if (wanted === CONTROL_PLANE || names.some((name) => isMeant(name, wanted))) continue;
    const known = [...names, ...new Set(names.map(programOf)), CONTROL_PLANE].join(', ');
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--only: one of ${known}, not ${JSON.stringify(wanted)}`);
  }
  const isChosen = (name: string): boolean => only.some((wanted) => isMeant(name, wanted));
  const hasControlPlane = only.includes(CONTROL_PLANE);
  if (hosts !== undefined && !hasControlPlane)
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--hosts: add ${CONTROL_PLANE} to --only, which leaves out what --hosts is for`);
  return {
    algorithms: ALGORITHMS.filter((algorithm) => isChosen(ourName(algorithm))),
    peers: PEER_ALGORITHMS.filter(({ label }) => isChosen(label)),
    hasControlPlane,
  };
}

function programOf(name: string): string {
  return name.split(' ', 1)[0] as string;
}

function isMeant(name: string, wanted: string): boolean {
  const program = programOf(name);
  return wanted === name || wanted === program || wanted === name.slice(program.length + 1);
}
