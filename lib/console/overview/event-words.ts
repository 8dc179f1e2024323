// Events as sentences for people. Pure; what an event says comes from outside and is escaped by who shows it.

import type { FleetEvent } from '../../redis/event-message.js';
import { WHOLE_FLEET } from '../../redis/event-message.js';

/** One sentence without a full stop; null for an event that is of no interest to people. */
export function eventSentence({ kind, name, term, detail = '', version, by = '' }: FleetEvent): string | null {
  const reason = detail === '' ? '' : `: ${detail}`;
  // Commands say in their detail who they are, the console in `by`.
  const who = by === '' ? (detail.startsWith('by ') ? ` ${detail}` : ' by an operator') : ` by ${by}`;
  switch (kind) {
    case 'balancer-joined':
      return `${name} joined the fleet`;
    case 'balancer-left':
      return `${name} left the fleet${reason}`;
    case 'master-elected':
      return `${name} is master${term === undefined ? '' : `, term ${term}`}`;
    case 'master-released':
      return `${name} gave up mastership`;
    case 'host-joined':
      return `Host ${name} joined${reason}`;
    case 'host-left':
      return `Host ${name} left${reason}`;
    case 'host-silent':
      return `Host ${name} is silent${reason}`;
    case 'host-down':
      return `Host ${name} is down${reason}`;
    case 'host-up':
      return `Host ${name} is up${reason}`;
    case 'host-conflict':
      return `Host ${name} has several URLs${reason}`;
    case 'host-drained':
      return `Host ${name} was drained${who}`;
    case 'host-ejected':
      return `Host ${name} was ejected${who}`;
    case 'host-undrained':
      return `Host ${name} was let in again${who}`;
    case 'ejection-began':
      return `Host ${name} is ejected by ${by === '' ? 'a balancer' : by}${reason}`;
    case 'ejection-ended':
      return `Host ${name} is ejected no more by ${by === '' ? 'a balancer' : by}`;
    case 'maintenance-began':
      return `Pool ${name} was put into maintenance${who}`;
    case 'maintenance-ended':
      return `The maintenance of pool ${name} was ended${who}`;
    case 'algorithm-set':
      return `The algorithm of the ${name} was set${detail === '' ? '' : ` to ${detail}`}${by === '' ? '' : who}`;
    case 'restart-requested':
      return `A rolling restart was requested${by === '' && !detail.startsWith('by ') ? '' : who}`;
    case 'restart-began':
      return name === WHOLE_FLEET ? `A rolling restart began${reason}` : `${name} restarts${reason}`;
    case 'restart-ended':
      return name === WHOLE_FLEET ? `The rolling restart is complete${reason}` : `${name} has restarted${reason}`;
    case 'restart-failed':
      return name === WHOLE_FLEET ? `The rolling restart failed${reason}` : `${name} could not be restarted${reason}`;
    case 'site':
      return version === undefined ? `The site was changed${who}` : `Site version ${version} was applied${who}`;
    case 'site-refused':
      return `${name} refused the site${version === undefined ? '' : ` version ${version}`}${reason}`;
    case 'why-asked':
      return null;
  }
}
