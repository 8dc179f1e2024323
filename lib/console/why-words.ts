// What `meercat why` prints: the hosts that a policy looked at as a table, and in words why it took the one it took.
// It says only what the figures say: where chance decided, or a turn, that is said.

import type { AskedRequest, ExplainedPick, Failure, LookedAt, WhyAnswer, WhyQuestion } from '../explanation.js';
import type { Algorithm } from '../model.js';
import { percent } from './render.js';
import { type Column, table } from './table.js';
import { renderRoute } from './why-route-words.js';

const NONE = '-';
/** A host that had left the table when it was asked for. */
const GONE = '(gone)';

/** Figures that differ by less say nothing. */
const CLOSE = 1.02;

/** How many losing hosts are listed one by one. */
const LISTED = 3;

const number = (value: number | null): string =>
  value === null ? NONE : value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(3).replace(/\.?0+$/, '');
/** `a`, `a and b`, `a, b and c`. */
const listed = (names: readonly string[]): string => names.join(', ').replace(/, ([^,]*)$/, ' and $1');
const name = (host: string | null): string => host ?? GONE;
const requests = (inflight: number, work: number): string =>
  inflight === 0 && work === 0 ? '0' : `${number(inflight)} (${number(work)} ms)`;

function age(ms: number | null): string {
  if (ms === null) return 'never';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

type Row = LookedAt & { readonly remark: string };

const COLUMNS: readonly Column<Row>[] = [
  ['HOST', 'left', (row) => name(row.host)],
  ['SCORE', 'right', (row) => number(row.score)],
  ['OURS', 'right', (row) => requests(row.inflight, row.work)],
  ['OTHERS', 'right', (row) => requests(row.othersInflight, row.othersWork)],
  ['CAPACITY', 'right', (row) => number(row.capacity)],
  ['SPEED', 'right', (row) => number(row.speed)],
  ['USED', 'right', (row) => percent(row.usage)],
  ['REPORTED', 'right', (row) => age(row.reportAgeMs)],
  ['FAILING', 'right', (row) => percent(row.failing)],
  ['', 'left', (row) => row.remark],
];

/** The whole answer, for a person. Ends without a line break. */
export function renderWhy(balancer: string, question: WhyQuestion, answer: WhyAnswer, nowEpochMs: number): string {
  const what = 'id' in question ? `request ${question.id} on ${balancer}` : `dry run on ${balancer}: ${question.method} ${urlOf(question)}`;
  if (answer.status !== 'explained') return `${what}\nno host was picked for it: its client left before`;
  const { at, className, costMs, isCostKnown, picks, code, failures } = answer.explanation;
  const agoMs = nowEpochMs - Date.parse(at);
  const when = 'id' in question ? `, ${picks.length === 0 ? '' : 'picked '}at ${at}${agoMs >= 0 ? ` (${age(agoMs)} ago)` : ''}` : '';
  const cost = isCostKnown
    ? `expected to cost ${number(costMs)} ms of CPU`
    : `of a cost that is not known yet: counted as ${number(costMs)} ms of CPU, as the average of all`;
  const lines = [`${what}${when}`, ...renderRoute(answer.explanation, 'id' in question)];
  if (picks.length > 0) lines.push(`class ${className === '' ? '(unnamed)' : className}, ${cost}`);
  else if (className !== '') lines.push(`class ${className}`);
  lines.push(...failures.map(renderFailure));
  if (code !== '') lines.push(`answered by the balancer itself: ${code}`);
  if (picks.length === 0 && failures.some(({ host }) => host !== null)) lines.push('its picks are forgotten');
  for (const [index, pick] of picks.entries()) {
    lines.push('');
    if (picks.length > 1) lines.push(`pick ${index + 1}, try ${pick.attempt}`);
    lines.push(...renderPick(pick));
  }
  return lines.join('\n');
}

/** The URL that was asked for; without a host its target. */
function urlOf({ scheme, host, target }: AskedRequest): string {
  return host === undefined ? target : `${scheme ?? 'http'}://${host}${target}`;
}

function renderFailure({ attempt, host, outcome, reason }: Failure): string {
  if (host === null) return outcome === 'refused' ? `refused: ${reason}` : `${outcome}: ${reason}`;
  return `try ${attempt} on ${host}, ${outcome}: ${reason}`;
}

function renderPick(pick: ExplainedPick): string[] {
  const rows = pick.looked.map((row): Row => ({ ...row, remark: remarkOf(row, pick) }));
  const more = pick.unlisted > 0 ? [`and ${pick.unlisted} more`] : [];
  return [...(rows.length === 0 ? [] : table(COLUMNS, rows)), ...more, ...freshness(pick), pickReason(pick)];
}

function remarkOf(row: LookedAt, { picked }: ExplainedPick): string {
  const isPicked = row.host !== null && row.host === picked;
  const look = row.look === 'warming' ? 'warming up' : row.look;
  if (isPicked) return row.look === 'eligible' ? 'taken' : `taken, though ${look}`;
  return row.look === 'eligible' ? '' : look;
}

/** How old the others' figures were, where they count. */
function freshness(pick: ExplainedPick): string[] {
  const { algorithm, loadsAgeMs, isTableOld, looked } = pick;
  if (algorithm !== 'adaptive' || looked.length === 0) return [];
  const isShort = looked.some(({ capacity, speed }) => capacity === null || speed === null);
  const assumed = isShort
    ? [
        `What is not known (-) of a host is assumed: a capacity of ${number(pick.assumedCapacity)} and a speed of ${number(pick.assumedSpeed)}.`,
      ]
    : [];
  if (loadsAgeMs === null) return ['Of the other balancers nothing was known yet: only our own requests count.', ...assumed];
  const believed = isTableOld ? ', too old to be used: only our own requests count' : '';
  return [`The other balancers' figures were ${age(loadsAgeMs)} old${believed}.`, ...assumed];
}

/** In words, why a pick came out as it did. */
export function pickReason(pick: ExplainedPick): string {
  return [...circumstances(pick), ...decision(pick), ...consequence(pick)].join(' ');
}

function circumstances({ excluded, isPanic }: ExplainedPick): string[] {
  return [
    ...(excluded === null ? [] : [`${excluded} had just failed this request and was not to be picked again.`]),
    ...(isPanic ? ['So many hosts are out that all of them are used (panic).'] : []),
  ];
}

function decision(pick: ExplainedPick): string[] {
  const { algorithm, candidates, looked, picked, end } = pick;
  if (end === 'none')
    return [candidates === 0 ? 'No host could be picked: all are down or taken out, or there is none.' : 'No other host could be picked.'];
  const winner = looked.find(({ host }) => host !== null && host === picked);
  if (winner === undefined) return ['The host that was picked has left the fleet since, and its figures can no longer be told apart.'];
  const host = name(winner.host);
  if (winner.look === 'warming')
    return [
      `No host that was looked at could be taken but such as warm up, and of them ${host} came first in the list: sending anyway beats refusing.`,
    ];
  if (winner.look === 'avoided')
    return [
      `${host} was taken although this balancer holds something against it at the moment: there was no better one, and sending anyway beats refusing.`,
    ];
  if (winner.look === 'full') return ['No host that could be picked had room for one more request of this balancer.'];
  if (algorithm === 'cookie') return [`${host} is the host that the client's cookie names.`];
  if (algorithm === 'hash')
    return hashed(
      host,
      looked.find((row) => row !== winner),
    );
  if (candidates === 1) return [`${host} was the only host that could be picked.`];
  if (algorithm === 'round-robin')
    return [`It was the turn of ${host}: round-robin takes each host in turn, and no figure plays a part.`, ...passedOver(pick)];
  if (winner.score === null) return [`None of the hosts that were drawn could be taken; ${host} was one of the others that could.`];
  return compared(pick, winner, winner.score);
}

/** Why a key came to this host. @param owner the key's own host, if that was passed over */
function hashed(host: string, owner: LookedAt | undefined): string[] {
  if (owner === undefined) return [`${host} is the host of the request's key.`];
  const why = owner.look === 'eligible' ? 'has more than its share of the requests in flight' : `could not be picked (${owner.look})`;
  return [`The host of the request's key, ${name(owner.host)}, ${why}: ${host} is the next one for this key.`];
}

/** What `score` is, for each policy that has one. */
const LEAST: Readonly<Record<Exclude<Algorithm, 'round-robin'>, string>> = {
  adaptive: 'the request was expected to be done soonest there',
  'least-request': 'it had the fewest of our own requests in flight',
  resource: 'it was the least used',
};

function compared(pick: ExplainedPick, winner: LookedAt, score: number): string[] {
  const { algorithm, candidates, looked } = pick;
  const host = name(winner.host);
  const others = looked.filter((row) => row !== winner && row.look === 'eligible' && row.score !== null);
  const drawn = looked.length + pick.unlisted;
  const among =
    drawn >= candidates
      ? `of all ${candidates} hosts`
      : `of ${drawn} ${drawn === 1 ? 'host' : 'hosts'}, drawn at random from ${candidates}`;
  if (others.length === 0) return [`${host} was the only one that could be taken ${among}.`, ...passedOver(pick)];
  const isOld = algorithm === 'adaptive' && pick.isTableOld;
  const least = isOld ? 'it had the fewest requests of our own' : LEAST[algorithm as keyof typeof LEAST];
  const equal = others.filter((row) => (row.score as number) <= score).map((row) => name(row.host));
  const worse = others.filter((row) => (row.score as number) > score);
  const nearest = worse.slice(0, LISTED).map((row) => `${name(row.host)} had ${number(row.score)}: ${difference(row, winner, pick)}.`);
  const more = worse.length > nearest.length ? [`${worse.length - nearest.length} more had higher scores.`] : [];
  const chance = equal.length === 0 ? [] : [`${listed(equal)} scored the same, and chance decided.`];
  return [`${host} was taken: ${among}, ${least}, with a score of ${number(score)}.`, ...chance, ...nearest, ...more, ...passedOver(pick)];
}

/** What made a host lose, by the figure in which it is worst beside the winner. */
function difference(row: LookedAt, winner: LookedAt, { algorithm, assumedCapacity, assumedSpeed, isTableOld }: ExplainedPick): string {
  const found: { ratio: number; words: string }[] = [];
  const compare = (
    own: number | null,
    other: number | null,
    isLessBetter: boolean,
    words: (own: string, other: string) => string,
  ): void => {
    if (own === null || other === null || own === other) return;
    const ratio = isLessBetter ? (own + 1e-9) / (other + 1e-9) : (other + 1e-9) / (own + 1e-9);
    if (ratio > CLOSE) found.push({ ratio, words: words(number(own), number(other)) });
  };
  if (row.failing - winner.failing > 0.005)
    found.push({ ratio: (1 - winner.failing) / (1 - row.failing), words: `${percent(row.failing)} of its recent requests failed` });
  if (algorithm === 'resource') {
    compare(
      row.usage,
      winner.usage,
      true,
      () =>
        `more used (${percent(row.usage)} against ${percent(winner.usage)}, the reports ${age(row.reportAgeMs)} and ${age(winner.reportAgeMs)} old)`,
    );
  } else if (algorithm === 'least-request' || isTableOld) {
    compare(row.inflight, winner.inflight, true, (own, other) => `more in flight (${own} against ${other})`);
  } else {
    const capacity = (host: LookedAt): number => host.capacity ?? assumedCapacity;
    const shown = (host: LookedAt): string =>
      host.capacity === null ? `${number(assumedCapacity)}, which is assumed` : number(host.capacity);
    const inflight = (host: LookedAt): number => (host.inflight + host.othersInflight + 1) / capacity(host);
    const work = (host: LookedAt): number => (host.work + host.othersWork + 1) / capacity(host);
    const isBusier = row.inflight + row.othersInflight > winner.inflight + winner.othersInflight;
    compare(
      inflight(row),
      inflight(winner),
      true,
      () =>
        `${isBusier ? 'more requests for what it can do' : 'less that it can do'} (${number(row.inflight + row.othersInflight)} in flight at a capacity of ${shown(row)}, against ${number(winner.inflight + winner.othersInflight)} at ${shown(winner)})`,
    );
    compare(
      work(row),
      work(winner),
      true,
      () =>
        `more work waiting for what it can do (${number(row.work + row.othersWork)} ms at a capacity of ${shown(row)}, against ${number(winner.work + winner.othersWork)} ms at ${shown(winner)})`,
    );
    compare(row.speed ?? assumedSpeed, winner.speed ?? assumedSpeed, false, (own, other) => `slower (speed ${own} against ${other})`);
  }
  const [worst] = found.toSorted((a, b) => b.ratio - a.ratio);
  if (worst !== undefined) return worst.words;
  return 'a close call, with figures nearly the same';
}

function passedOver({ looked, picked }: ExplainedPick): string[] {
  const names = (look: LookedAt['look']): string[] =>
    looked.filter((row) => row.look === look && row.host !== picked).map(({ host }) => name(host));
  const say = (hosts: readonly string[], words: string): string[] =>
    hosts.length === 0 ? [] : [`Passed over: ${listed(hosts)}, ${words}.`];
  return [
    ...say(names('avoided'), 'for what this balancer holds against it at the moment'),
    ...say(names('warming'), 'warming up: this request was none of the share that it takes'),
    ...say(names('full'), 'with as many requests of this balancer as a host may have'),
  ];
}

function consequence({ algorithm, end, picked }: ExplainedPick): string[] {
  if (end === 'full' && algorithm === 'cookie')
    return [`But ${name(picked)} has as many requests of this balancer as it may (--host-max-inflight): the request waits for its turn.`];
  if (end === 'full')
    return [
      `But ${name(picked)} had as many requests of this balancer as it may (--host-max-inflight), and so had all others that could be picked: the request waits for its turn.`,
    ];
  if (end === 'avoided') return [`But something was held against ${name(picked)}, and for a second try a better host is searched for.`];
  if (end === 'gone') return [`But ${name(picked)} was on its way out of the table: another pick is made.`];
  return [];
}
