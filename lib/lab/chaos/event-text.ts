// Events and violations as lines for people.

import type { ChaosEvent, Violation } from './events.js';
import { stampText } from './rules-masterships.js';
import { shortestHistory } from './shortest.js';

/** The context of a violation: what was done and logged in this time before it. */
const CONTEXT_MS = 12_000;
const MAX_CONTEXT_LINES = 40;
const MAX_LINES = 40;

const at = (ms: number): string => `${(ms / 1000).toFixed(2).padStart(7)} s`;

/** One line for an event. */
export function eventText(event: ChaosEvent): string {
  return `${at(event.atMs)}  ${textOf(event)}`;
}

function textOf(event: ChaosEvent): string {
  switch (event.kind) {
    case 'health':
      return `${event.balancer} (life ${event.life}) says: ${event.role}, term ${event.term}, ${event.hosts} hosts, table ${stampText(event.table)}`;
    case 'claim':
      return `${event.where}: ${event.name} is master of term ${event.term}${event.mastership === null ? '' : `, mastership ${event.mastership.slice(0, 12)}`}`;
    case 'table':
      return `table ${stampText(event.stamp)} is published`;
    case 'stored':
      return `Redis stores ${event.where} ${stampText(event.stamp)}`;
    case 'request':
      return `${event.method}${event.isHttp2 ? ' over HTTP/2' : ''} to ${event.balancer}, sent at ${at(event.sentMs).trim()}: ${event.problem || `${event.status} of ${event.host}`}`;
    case 'allow':
      return `may fail from now on (${event.id}): requests to ${event.balancers?.join(', ') ?? 'all balancers'}${event.method === null ? '' : `, only ${event.method}`}${event.problem === '' ? '' : `, with ${event.problem}`}${event.minMs === 0 ? '' : ` after ${event.minMs} ms`}`;
    case 'forbid':
      return `may not fail any longer (${event.id})`;
    case 'forging':
      return event.isOn ? 'messages are forged' : 'no message is forged any longer';
    case 'refused':
      return `balancers have refused ${event.after} messages; ${event.before} before: ${event.what}`;
    case 'repeated':
      return `${event.path} was delivered to ${event.hosts.join(' and ')}`;
    case 'redis-lost':
      return 'Redis loses or changes data';
    case 'action':
      return event.text;
    case 'log':
      return `| ${event.text}`;
    case 'healed':
      return `round ${event.round} (${event.fault}) is healed`;
    case 'settled':
      return event.problem === ''
        ? `well after ${Math.round(event.waitedMs)} ms`
        : `not well after ${Math.round(event.waitedMs)} ms: ${event.problem}`;
    case 'operator':
      return `operators have set ${JSON.stringify(event.expected)}`;
    case 'settings':
      return `settings: ${JSON.stringify(event.found)}, expected: ${JSON.stringify(event.expected)}`;
    case 'ended':
      return `${event.process} ended`;
    case 'stall':
      return `nothing ran for ${Math.round(event.atMs - event.sinceMs)} ms`;
    case 'resource':
      return `${event.what}: ${event.now}; at rest ${event.atRest}`;
    case 'memory':
      return `${event.process} (life ${event.life}) has ${(event.bytes / 1e6).toFixed(0)} MB`;
  }
}

/** A violation in one line. */
export function violationLine({ rule, atMs, what }: Violation): string {
  return `${rule}, at ${at(atMs).trim()}: ${what}`;
}

/** A violation with the shortest history that shows it, and with what was done and logged before. */
export function violationText(events: readonly ChaosEvent[], violation: Violation): string {
  const shortest = shortestHistory(events, violation);
  const shown = new Set(shortest);
  const context = events.filter(
    (event) =>
      (event.kind === 'action' || event.kind === 'log' || event.kind === 'healed') &&
      event.atMs <= violation.atMs &&
      event.atMs > violation.atMs - CONTEXT_MS &&
      !shown.has(event),
  );
  return [
    violationLine(violation),
    `  the shortest history that shows it, ${shortest.length} of ${events.length} events:`,
    ...shortest.slice(-MAX_LINES).map((event) => `  ${eventText(event)}`),
    '  what was done and logged before:',
    ...context.slice(-MAX_CONTEXT_LINES).map((event) => `  ${eventText(event)}`),
  ].join('\n');
}
