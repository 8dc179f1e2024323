// Parses the events of a scenario's JSON, and checks that at any time a balancer and a host that is well are left.

import type { JsonFields } from './json-fields.js';
import { hostCountOf, type Scenario, type ScenarioEvent } from './scenario.js';

/** The most hosts: the capacity of the product's table. */
export const MAX_HOSTS = 16_384;
/** The most balancers. */
export const MAX_BALANCERS = 1024;
/** The most cores of a host. */
export const MAX_CORES = 4096;

const EVENTS = [
  'neighbours',
  'hosts-die',
  'hosts-answer-wrongly',
  'hosts-restart',
  'hosts-join',
  'hosts-leave',
  'balancers-die',
  'master-dies',
  'redis-away',
] as const;

/** Reads one event. */
export function readEvent(fields: JsonFields): ScenarioEvent {
  const atMs = fields.time('at', null, 0);
  const what = fields.choice('what', null, EVENTS);
  const forMs = fields.time('for', Number.POSITIVE_INFINITY, 1, { ever: Number.POSITIVE_INFINITY });
  const hosts = (): number => fields.integer('hosts', null, 1, MAX_HOSTS);
  const everyMs = (): number => fields.time('every', 0, 0);
  switch (what) {
    case 'neighbours':
      return { atMs, forMs, what, hosts: hosts(), cores: fields.number('cores', null, 0, MAX_CORES) };
    case 'hosts-die':
      return { atMs, forMs, what, hosts: hosts(), how: fields.choice('how', 'refused', ['refused', 'silent'] as const) };
    case 'hosts-answer-wrongly':
      return { atMs, forMs, what, hosts: hosts(), how: fields.choice('how', 'empty', ['empty', 'error'] as const) };
    case 'hosts-restart':
      if (forMs === Number.POSITIVE_INFINITY) fields.refuse('for', 'how long each host is down, such as "2s"');
      return {
        atMs,
        forMs,
        what,
        hosts: hosts(),
        everyMs: everyMs(),
        coldCost: fields.number('coldCost', 1, 1, 1000),
        warmMs: fields.time('warm', 10_000, 1),
        speed: fields.number('speed', 1, 0.001, 1000),
      };
    case 'hosts-join':
    case 'hosts-leave':
      return { atMs, forMs, what, hosts: hosts(), everyMs: everyMs() };
    case 'balancers-die':
      return { atMs, forMs, what, balancers: fields.integer('balancers', 1, 1, MAX_BALANCERS) };
    case 'master-dies':
      return { atMs, forMs, what };
    case 'redis-away':
      if (forMs === Number.POSITIVE_INFINITY) fields.refuse('for', 'how long it is away, such as "5s"');
      return { atMs, forMs, what };
  }
}

/** Refuses events of more hosts or balancers than there are, and those that leave none. */
export function checkEvents(scenario: Scenario, fields: JsonFields): void {
  const count = hostCountOf(scenario);
  const fewest = Math.min(...scenario.balancers);
  let comeAndGo = 0;
  for (const event of scenario.events) {
    if ('hosts' in event && event.hosts > count) fields.refuse('events', `no event may be of more than the ${count} hosts that there are`);
    if (downAtOnce(event) === count) fields.refuse('events', 'one host at least must be well');
    if (event.what === 'hosts-join' || event.what === 'hosts-leave') {
      comeAndGo += event.hosts;
      if (scenario.reportMs === Number.POSITIVE_INFINITY) fields.refuse('reports', 'hosts join and leave by their reports, so an interval');
    }
    const dying = event.what === 'balancers-die' ? event.balancers : event.what === 'master-dies' ? 1 : 0;
    if (dying >= fewest) fields.refuse('events', `one balancer at least must live, and "balancers" has ${fewest}`);
  }
  if (comeAndGo >= count) fields.refuse('events', `one host at least must be there all the time, and there are ${count}`);
}

/** How many hosts an event takes down at the same time. */
function downAtOnce(event: ScenarioEvent): number {
  switch (event.what) {
    case 'hosts-die':
    case 'hosts-answer-wrongly':
      return event.hosts;
    case 'hosts-restart':
      return event.everyMs === 0 ? event.hosts : Math.min(event.hosts, Math.ceil(event.forMs / event.everyMs));
    default:
      return 0;
  }
}
