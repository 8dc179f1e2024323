// Headers that were left out because of their names: each is counted, and once a minute at most a line in the log says so,
// since whoever misses such a header finds nothing wrong with the request.

import { type Clock, MINUTE } from '../../clock.js';
import type { Log } from '../../log.js';
import type { Count } from '../../table/counters.js';
import type { ClientFacts } from '../wire/headers.js';

/** The longest part of a name that is logged; a name is printable ASCII. */
const MAX_LOGGED = 80;

/** What the watch over dropped names is handed. */
export interface DroppedNamesOptions {
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
}

/** Gives what is to be told of a request's headers or trailers that were left out: whose, and their names, at least one. */
export function watchDroppedNames({ clock, count, log }: DroppedNamesOptions): (facts: ClientFacts, names: readonly string[]) => void {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return ({ address }, names) => {
    count('header_names_dropped', names.length);
    unsaid += names.length;
    const nowMs = clock();
    if (nowMs - saidAtMs < MINUTE) return;
    saidAtMs = nowMs;
    log('warn', 'headers are left out, since a host may take their names for others: --odd-names pass lets them through', {
      header: (names[0] as string).slice(0, MAX_LOGGED),
      client: address,
      dropped: unsaid,
    });
    unsaid = 0;
  };
}
