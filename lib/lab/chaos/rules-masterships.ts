// Rules about terms, masterships and tables: who may claim a term, and what may follow what.

import type { Stamp } from '../../model.js';
import type { ChaosEvent, EventOf, Rule, Violation } from './events.js';
import { forgedAt } from './forged.js';

/** Digits of a mastership's id that a health page shows. */
const SHORT_DIGITS = 12;

/** Health pages further apart than this say nothing of the time between them. */
const SAME_RUN_MS = 500;

const short = (mastership: string): string => mastership.slice(0, SHORT_DIGITS);

/** Formats a stamp. */
export const stampText = ({ term, mastership, seq }: Stamp): string => `${term}.${seq} of ${short(mastership) || 'nobody'}`;

/** No term is claimed by two balancers, or by two masterships. */
export const oneClaim: Rule = (events) => {
  const found: Violation[] = [];
  const names = new Map<number, string>();
  const owners = new Map<number, string>();
  const told = new Set<number>();
  const claim = (atMs: number, term: number, known: Map<number, string>, claimant: string, where: string): void => {
    const first = known.get(term) ?? claimant;
    known.set(term, first);
    if (first === claimant || told.has(term)) return;
    told.add(term);
    found.push({ rule: 'one claim', atMs, what: `term ${term} is claimed by ${first} and, in the ${where}, by ${claimant}` });
  };
  for (const event of events) {
    if (event.kind === 'table') claim(event.atMs, event.stamp.term, owners, `mastership ${short(event.stamp.mastership)}`, 'tables');
    if (event.kind !== 'claim') continue;
    claim(event.atMs, event.term, names, event.name, event.where);
    if (event.mastership !== null) claim(event.atMs, event.term, owners, `mastership ${short(event.mastership)}`, event.where);
  }
  return found;
};

/** No balancer goes back to an older table, to another mastership in the same term, or to a lower term. */
export const noStepBack: Rule = (events, promises) => {
  const found: Violation[] = [];
  const seen = new Map<string, EventOf<'health'>>();
  const isForged = forgedAt(events, promises);
  for (const event of events) {
    if (event.kind !== 'health') continue;
    const before = seen.get(event.balancer);
    seen.set(event.balancer, event);
    if (before?.life !== event.life || isForged(event.atMs)) continue;
    const what = stepBack(before, event);
    if (what !== '') found.push({ rule: 'no step back', atMs: event.atMs, what: `${event.balancer} ${what}` });
  }
  return found;
};

function stepBack(before: EventOf<'health'>, now: EventOf<'health'>): string {
  const [old, table] = [before.table, now.table];
  const isOlder =
    table.term < old.term || (table.term === old.term && old.term > 0 && (table.mastership !== old.mastership || table.seq < old.seq));
  if (isOlder) return `went back from table ${stampText(old)} to ${stampText(table)}`;
  return now.term < before.term ? `went back from term ${before.term} to ${now.term}` : '';
}

/** A stamp belongs to one mastership, wherever its table is applied. */
export const oneOwner: Rule = (events) => {
  const found: Violation[] = [];
  const owners = new Map<string, string>();
  for (const event of events) {
    if (event.kind !== 'health' || event.table.term === 0) continue;
    const key = `${event.table.term}.${event.table.seq}`;
    const owner = owners.get(key) ?? event.table.mastership;
    owners.set(key, owner);
    if (owner !== event.table.mastership)
      found.push({
        rule: 'one owner',
        atMs: event.atMs,
        what: `${event.balancer} applied ${stampText(event.table)}, and a table of ${owner} has the same stamp`,
      });
  }
  return found;
};

/**
 * Nothing of a deposed master is applied: a balancer that knows a newer term takes no table that was published after the
 * election of the next master. (It may take an older one: the new master continues from what Redis has stored.)
 */
export const nothingDeposedApplied: Rule = (events, promises) => {
  const found: Violation[] = [];
  const seen = new Map<string, EventOf<'health'>>();
  const isForged = forgedAt(events, promises);
  /** Stamps of tables that were published after an election; events and tables are heard in the order of Redis. */
  const deposed = new Set<string>();
  let electedTerm = 0;
  for (const event of events) {
    if (event.kind === 'claim' && event.where === 'master-elected event') electedTerm = Math.max(electedTerm, event.term);
    if (event.kind === 'table' && event.stamp.term < electedTerm) deposed.add(`${event.stamp.term}.${event.stamp.seq}`);
    if (event.kind !== 'health') continue;
    const before = seen.get(event.balancer);
    seen.set(event.balancer, event);
    if (before?.life !== event.life || isForged(event.atMs)) continue;
    const [old, table] = [before.table, event.table];
    const isDeposed = deposed.has(`${table.term}.${table.seq}`);
    if (isDeposed && before.term > old.term && table.term === old.term && table.seq > old.seq)
      found.push({
        rule: 'nothing of a deposed master is applied',
        atMs: event.atMs,
        what: `${event.balancer} knew term ${before.term}, and went on to table ${stampText(table)}`,
      });
  }
  return found;
};

/** Nothing of a deposed master is stored: what Redis has of the term and the table never goes back while it keeps its data. */
export const nothingDeposedStored: Rule = (events, promises) => {
  const found: Violation[] = [];
  const stored = new Map<string, Stamp>();
  const isForged = forgedAt(events, promises);
  for (const event of events) {
    if (event.kind === 'redis-lost') stored.clear();
    if (event.kind !== 'stored') continue;
    const before = stored.get(event.where);
    stored.set(event.where, event.stamp);
    if (before === undefined || isForged(event.atMs)) continue;
    const isBack =
      event.stamp.term < before.term ||
      (event.stamp.term === before.term && event.stamp.mastership === before.mastership && event.stamp.seq < before.seq);
    if (isBack)
      found.push({
        rule: 'nothing of a deposed master is stored',
        atMs: event.atMs,
        what: `the ${event.where} in Redis went back from ${stampText(before)} to ${stampText(event.stamp)}`,
      });
  }
  return found;
};

interface MasterRun {
  readonly balancer: string;
  readonly life: number;
  /** It was master at some moment before this. */
  readonly sinceMs: number;
  /** It was master at some moment after this. */
  untilMs: number;
  lastAtMs: number;
}

/** At most one balancer believes to be master, beyond the lease's TTL. */
export const oneMaster: Rule = (events, { leaseTtlMs }) => {
  const found: Violation[] = [];
  const runs = new Map<string, MasterRun>();
  const told = new Set<string>();
  for (const event of events) {
    if (event.kind !== 'health') continue;
    const run = runs.get(event.balancer);
    if (event.role !== 'master') {
      runs.delete(event.balancer);
      continue;
    }
    if (run === undefined || run.life !== event.life || event.sentMs - run.lastAtMs > SAME_RUN_MS) {
      const { balancer, life, sentMs, atMs } = event;
      runs.set(balancer, { balancer, life, sinceMs: atMs, untilMs: sentMs, lastAtMs: atMs });
      continue;
    }
    run.untilMs = event.sentMs;
    run.lastAtMs = event.atMs;
    for (const other of runs.values()) {
      if (other === run || event.atMs - other.lastAtMs > SAME_RUN_MS) continue;
      const togetherMs = Math.min(run.untilMs, other.untilMs) - Math.max(run.sinceMs, other.sinceMs);
      const key = [run, other]
        .map(({ balancer, sinceMs }) => `${balancer} ${sinceMs}`)
        .toSorted()
        .join();
      if (togetherMs <= leaseTtlMs || told.has(key)) continue;
      told.add(key);
      found.push({
        rule: 'one master',
        atMs: event.atMs,
        what: `${[run.balancer, other.balancer].toSorted().join(' and ')} both believe to be master for more than ${leaseTtlMs} ms`,
      });
    }
  }
  return found;
};

/** A mastership numbers its tables upwards. */
export const tablesInOrder: Rule = (events: readonly ChaosEvent[]) => {
  const found: Violation[] = [];
  const last = new Map<string, number>();
  for (const event of events) {
    if (event.kind !== 'table') continue;
    const { term, mastership, seq } = event.stamp;
    const key = `${term} ${mastership}`;
    const before = last.get(key);
    last.set(key, seq);
    if (before !== undefined && seq <= before)
      found.push({ rule: 'tables in order', atMs: event.atMs, what: `mastership ${short(mastership)} published ${seq} after ${before}` });
  }
  return found;
};
