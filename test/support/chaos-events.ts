// Events of chaos histories written by hand, and the check of a case: a history that breaks a promise, and next to it one
// that keeps it by a hair.

import * as assert from 'uvu/assert';
import { checkHistory, PROMISES } from '../../lib/lab/chaos/check.js';
import type { ChaosEvent, HealthSeen, Promises, RequestDone, StoredSeen, TableSeen } from '../../lib/lab/chaos/events.js';

/** Two masterships. */
export const FIRST = 'aaaaaaaaaaaa';
/** The second one. */
export const SECOND = 'bbbbbbbbbbbb';

/** A health page. */
export const health = (atMs: number, changes: Partial<HealthSeen> = {}): HealthSeen => ({
  kind: 'health',
  sentMs: atMs,
  atMs,
  balancer: 'b1',
  life: 1,
  role: 'slave',
  term: 1,
  hosts: 4,
  table: { term: 1, mastership: FIRST, seq: 1 },
  ...changes,
});

/** A request that was answered. */
export const request = (atMs: number, changes: Partial<RequestDone> = {}): RequestDone => ({
  kind: 'request',
  sentMs: atMs - 10,
  atMs,
  balancer: 'b1',
  method: 'GET',
  isHttp2: false,
  status: 200,
  host: 'h1',
  problem: '',
  ...changes,
});

/** A request that failed. */
export const failed = (atMs: number, changes: Partial<RequestDone> = {}): RequestDone =>
  request(atMs, { status: 502, host: '', problem: '502 MEERCAT_HOST_UNREACHABLE', ...changes });

/** From now on failures are allowed. */
export const allow = (atMs: number, changes: Partial<Extract<ChaosEvent, { kind: 'allow' }>> = {}): ChaosEvent => ({
  kind: 'allow',
  atMs,
  id: 'x',
  balancers: null,
  method: null,
  problem: '',
  minMs: 0,
  ...changes,
});

/** A balancer's claim to a term. */
export const claim = (name: string, term: number, mastership: string | null, atMs = term): ChaosEvent => ({
  kind: 'claim',
  atMs,
  where: 'heartbeat',
  name,
  term,
  mastership,
});

/** The election of a balancer, as its event says. */
export const elected = (term: number): ChaosEvent => ({
  kind: 'claim',
  atMs: 1,
  where: 'master-elected event',
  name: 'b9',
  term,
  mastership: SECOND,
});

/** A table, of the first mastership unless another one is given. */
export const tableOf = (term: number, seq: number, atMs = 1, mastership = FIRST): TableSeen => ({
  kind: 'table',
  atMs,
  stamp: { term, mastership, seq },
});

/** What Redis stores, as it is found. */
export const storedIn = (where: StoredSeen['where'], atMs: number, term: number, seq: number, mastership = FIRST): StoredSeen => ({
  kind: 'stored',
  atMs,
  where,
  stamp: { term, mastership, seq },
});

/** Messages are forged from now on, or no more. */
export const forging = (atMs: number, isOn: boolean): ChaosEvent => ({ kind: 'forging', atMs, isOn });

/** What operators have set, from now on. */
export const operatorSet = (atMs: number, expected: Readonly<Record<string, string>>): ChaosEvent => ({ kind: 'operator', atMs, expected });

/** Pages of a balancer that is master all the time, each 100 ms. */
export const masterFor = (balancer: string, fromMs: number, toMs: number): ChaosEvent[] =>
  Array.from({ length: (toMs - fromMs) / 100 + 1 }, (_, i) => health(fromMs + i * 100, { balancer, role: 'master' }));

/** Events in the order of their times. */
export const inOrder = (events: readonly ChaosEvent[]): ChaosEvent[] => events.toSorted((a, b) => a.atMs - b.atMs);

/** A promise that is broken, and one that is just kept. */
export interface Case {
  readonly what: string;
  readonly bad: readonly ChaosEvent[];
  readonly good: readonly ChaosEvent[];
}

/** What a fleet without a key promises. */
export const UNSIGNED: Promises = { ...PROMISES, isSigned: false };

/** The first history breaks this rule and no other one; the second one breaks none. */
export function assertFound(rule: string, { bad, good }: Case, promises = UNSIGNED): void {
  assert.equal([...new Set(checkHistory(bad, promises).map((each) => each.rule))], [rule]);
  assert.equal(checkHistory(good, promises), []);
}
