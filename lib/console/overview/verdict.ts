// How the fleet is, in one sentence: the worst of what is known, and how much more there is. Pure apart from what it remembers:
// since when a host has been slow.

import { MINUTE } from '../../clock.js';
import type { FleetVerdict, Overview, OverviewHost, OverviewPool } from '../../overview.js';
import { slowHosts } from './slow-hosts.js';
import { isFailing } from './thresholds.js';

/** What is judged: the overview without its verdict. */
export type Judged = Omit<Overview, 'verdict'>;

/** How many names a sentence has. */
const NAMES_SHOWN = 3;

/** A host that was slow is remembered for the length of the window that its latencies are of: then none of them is left. */
const REMEMBERED_MS = MINUTE;

/** What is wrong: `bad` when clients suffer, `warn` when they may, `note` when it was wanted. */
interface Finding {
  readonly level: 'bad' | 'warn' | 'note';
  readonly text: string;
}

/** A certificate of this balancer that ends soon or has ended. */
export interface EndingCertificate {
  readonly name: string;
  readonly endsAtMs: number;
}

/** Judges a fleet again and again. */
export class Verdicts {
  /** Hosts that were slow in the last minute: since when, and when last. */
  readonly #slow = new Map<string, { readonly sinceMs: number; lastMs: number }>();

  /**
   * Judges the fleet. Findings are in this order, the worst first: nobody can answer, the control plane is gone, requests
   * fail, a host is slow, hosts are out, a balancer goes by something else, a certificate ends, what operators did.
   * @param certificates those that end soon
   */
  judge(
    fleet: Judged,
    certificates: readonly EndingCertificate[] = [],
  ): { readonly verdict: FleetVerdict; readonly slow: ReadonlySet<string> } {
    const slow = this.#slowOf(fleet);
    const findings = [
      ...unserved(fleet.pools),
      ...redisAway(fleet),
      ...noMaster(fleet),
      ...panics(fleet.pools),
      ...errors(fleet),
      ...slow.map(({ host, sinceMs }) => slowFinding(host, sinceMs, fleet.atMs)),
      ...hostsOut(fleet.pools),
      ...strayed(fleet),
      ...certificates.map((each) => certificateFinding(each, fleet.atMs)),
      ...operated(fleet.pools),
    ];
    return { verdict: verdictOf(findings), slow: new Set(slow.map(({ host }) => host.name)) };
  }

  #slowOf({ pools, atMs }: Judged): { readonly host: OverviewHost; readonly sinceMs: number }[] {
    const found = slowHosts(pools);
    for (const { name } of found) {
      const known = this.#slow.get(name);
      if (known === undefined) this.#slow.set(name, { sinceMs: atMs, lastMs: atMs });
      else known.lastMs = atMs;
    }
    for (const [name, { lastMs }] of this.#slow) if (atMs - lastMs > REMEMBERED_MS) this.#slow.delete(name);
    return found.toSorted((a, b) => b.p99Share - a.p99Share).map((host) => ({ host, sinceMs: this.#slow.get(host.name)?.sinceMs ?? atMs }));
  }
}

/** The first finding of the worst level says it; the others are counted, without what operators wanted. */
function verdictOf(findings: readonly Finding[]): FleetVerdict {
  const troubles = findings.filter(({ level }) => level !== 'note');
  const worst = troubles.find(({ level }) => level === 'bad') ?? troubles[0];
  if (worst === undefined) {
    const notes = findings.map(({ text }) => text).join('; ');
    return { level: 'good', text: notes === '' ? 'All is well' : `All is well; ${notes}` };
  }
  const more = troubles.length - 1;
  return { level: worst.level === 'bad' ? 'bad' : 'warn', text: more === 0 ? worst.text : `${worst.text}; and ${more} more` };
}

/** Whether requests may go to a host, but for panic mode. */
const isUsable = ({ state, operator, ejectedUntilMs }: OverviewHost): boolean =>
  state !== 'down' && operator === null && ejectedUntilMs === null;

/** Pools that answer with their hosts, and have some. */
const serving = (pools: readonly OverviewPool[]): OverviewPool[] =>
  pools.filter(({ hosts, maintenance }) => hosts.length > 0 && maintenance === null);

function unserved(pools: readonly OverviewPool[]): Finding[] {
  if (pools.every(({ hosts, maintenance }) => hosts.length === 0 && maintenance === null))
    return [{ level: 'bad', text: 'No host is known: no request can be answered' }];
  return serving(pools).flatMap(({ name, hosts }): Finding[] => {
    if (hosts.some(isUsable)) return [];
    return [
      {
        level: 'bad',
        text:
          hosts.length === 1
            ? `${hosts[0]?.name}, the only host of pool ${name}, is out`
            : `All ${hosts.length} hosts of pool ${name} are out`,
      },
    ];
  });
}

function redisAway({ redis }: Judged): Finding[] {
  return redis.isUp ? [] : [{ level: 'warn', text: `Redis is away for ${seconds(redis.downForMs)}: routing on what was known` }];
}

function noMaster({ master, redis, balancers }: Judged): Finding[] {
  // Without Redis there is none, and it is said already.
  if (master !== null || !redis.isUp) return [];
  const problem = balancers.find(({ isSelf }) => isSelf)?.problem ?? '';
  return [{ level: 'warn', text: `No balancer is master: routing on what was known${problem === '' ? '' : ` (${problem})`}` }];
}

function panics(pools: readonly OverviewPool[]): Finding[] {
  return serving(pools).flatMap(({ name, isPanic, hosts }): Finding[] =>
    isPanic && hosts.some(isUsable) ? [{ level: 'bad', text: `Too many hosts of pool ${name} are out: requests go to all of them` }] : [],
  );
}

/** The share of errors in the last minute, by its rates every few seconds; in the last second while there is no history. */
function errors({ history, atMs, total }: Judged): Finding[] {
  const minute = history.filter((point) => point.atMs > atMs - MINUTE);
  const points = minute.length === 0 ? [total] : minute;
  const [rps, errorRps] = [mean(points.map((each) => each.rps)), mean(points.map((each) => each.errorRps))];
  if (!isFailing(rps, errorRps)) return [];
  return [{ level: 'bad', text: `${percent(Math.min(1, errorRps / rps))} of requests failed in the last minute` }];
}

function slowFinding({ name, p99Share }: OverviewHost, sinceMs: number, nowMs: number): Finding {
  return { level: 'warn', text: `${name} is slow since ${timeOf(sinceMs, nowMs)}: ${percent(p99Share)} of p99 comes from it` };
}

function hostsOut(pools: readonly OverviewPool[]): Finding[] {
  const hosts = pools.filter(({ hosts: all, maintenance }) => maintenance !== null || all.some(isUsable)).flatMap((pool) => pool.hosts);
  const wanted = hosts.filter(({ operator }) => operator === null);
  const down = wanted.filter(({ state }) => state === 'down');
  const ejected = wanted.filter(
    ({ state, ejectedBy, ejectedUntilMs }) => state !== 'down' && (ejectedBy.length > 0 || ejectedUntilMs !== null),
  );
  const silent = wanted.filter(({ state }) => state === 'silent');
  const [first] = ejected;
  const reason = ejected.length === 1 ? (first?.ejectedBy[0]?.[1] ?? '') : '';
  return [
    ...(down.length === 0 ? [] : [{ level: 'warn' as const, text: `${are(down)} down` }]),
    ...(ejected.length === 0 ? [] : [{ level: 'warn' as const, text: `${are(ejected)} ejected${reason === '' ? '' : `: ${reason}`}` }]),
    ...(silent.length === 0 ? [] : [{ level: 'warn' as const, text: `${are(silent)} silent: no report, but an answer` }]),
  ];
}

/** Balancers that don't hear the master, or go by another site. */
function strayed({ balancers, master, redis }: Judged): Finding[] {
  if (!redis.isUp || master === null) return [];
  return balancers.flatMap(({ name, problem }): Finding[] => (problem === '' ? [] : [{ level: 'warn', text: `${name}: ${problem}` }]));
}

function certificateFinding({ name, endsAtMs }: EndingCertificate, nowMs: number): Finding {
  const days = Math.floor((endsAtMs - nowMs) / (24 * 60 * MINUTE));
  if (endsAtMs <= nowMs) return { level: 'bad', text: `The certificate of ${name} has expired` };
  return {
    level: 'warn',
    text: `The certificate of ${name} expires in ${days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`}`,
  };
}

function operated(pools: readonly OverviewPool[]): Finding[] {
  const of = (state: string): OverviewHost[] => pools.flatMap(({ hosts }) => hosts.filter(({ operator }) => operator === state));
  const [drained, ejected] = [of('drained'), of('ejected')];
  const maintained = pools.filter(({ maintenance }) => maintenance !== null);
  return [
    ...(drained.length === 0 ? [] : [{ level: 'note' as const, text: `${are(drained)} drained` }]),
    ...(ejected.length === 0 ? [] : [{ level: 'note' as const, text: `${are(ejected)} ejected by an operator` }]),
    ...(maintained.length === 0 ? [] : [{ level: 'note' as const, text: `${are(maintained)} in maintenance` }]),
  ];
}

/** `h1 is`, `h1 and h2 are`, `h1, h2, h3 and 4 more are`. */
function are(named: readonly { readonly name: string }[]): string {
  const names = named.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const parts = named.length > NAMES_SHOWN ? [...names, `${named.length - NAMES_SHOWN} more`] : names;
  const last = parts.pop() ?? '';
  return parts.length === 0 ? `${last} is` : `${parts.join(', ')} and ${last} are`;
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

const percent = (fraction: number): string => `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`;

function seconds(ms: number): string {
  return ms < 2 * MINUTE ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / MINUTE)} min`;
}

/** The time of day; with its date when that is another one. In the time zone of the balancer. */
function timeOf(atMs: number, nowMs: number): string {
  const [at, now] = [new Date(atMs), new Date(nowMs)];
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.toDateString() === now.toDateString() ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}
