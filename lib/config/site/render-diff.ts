// The changes between two sites as lines for a terminal: + what comes, - what goes, ~ what is changed or moved.

import type { FieldChange, SiteChange } from './diff-sites.js';
import { visible } from './problems.js';

/** Longest value on a line, in characters. */
const MAX_VALUE = 200;

/** A value of a change, on one line; `not set` for none. */
function valueText(value: unknown): string {
  if (value === null) return 'not set';
  const text = visible(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

function changeLines(subject: string, fields: readonly FieldChange[]): string[] {
  return fields.map(({ field, before, after }) => `~ ${subject}: ${field} ${valueText(before)} -> ${valueText(after)}`);
}

const hostCount = (hosts: number): string => `${hosts} ${hosts === 1 ? 'host' : 'hosts'}`;

function linesOf(change: SiteChange): string[] {
  switch (change.change) {
    case 'paths':
      return [`~ paths ${change.before} -> ${change.after}`];
    case 'pool-added':
      return [`+ pool ${change.pool} with ${hostCount(change.hosts)}`];
    case 'pool-removed':
      return [`- pool ${change.pool} with ${hostCount(change.hosts)}`];
    case 'pool-changed':
      return changeLines(`pool ${change.pool}`, change.fields);
    case 'host-added':
      return [`+ pool ${change.pool}: host ${change.host} ${change.url}`];
    case 'host-removed':
      return [`- pool ${change.pool}: host ${change.host} ${change.url}`];
    case 'host-changed':
      return changeLines(`pool ${change.pool}: host ${change.host}`, change.fields);
    case 'route-added':
      return [`+ route ${change.place}: ${change.match}${effects(change.fields.map(({ field, after }) => [field, after]))}`];
    case 'route-removed':
      return [`- route ${change.place}: ${change.match}${effects(change.fields.map(({ field, before }) => [field, before]))}`];
    case 'route-changed':
      return changeLines(`route ${change.place}: ${change.match}`, change.fields);
    case 'route-moved':
      return [`~ route ${change.place}: ${change.match}: was route ${change.from}`];
  }
}

function effects(fields: readonly (readonly [field: string, value: unknown])[]): string {
  return fields.map(([field, value]) => `; ${field} ${valueText(value)}`).join('');
}

/** The changes as lines; `no changes` when there are none. */
export function renderDiff(changes: readonly SiteChange[]): string {
  return changes.length === 0 ? 'no changes\n' : `${changes.flatMap(linesOf).join('\n')}\n`;
}
