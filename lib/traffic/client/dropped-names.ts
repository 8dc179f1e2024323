// Reports headers that were dropped because of their names: counts each one, and logs at most one line a minute. Without
// it, someone who misses such a header would find nothing wrong with the request.

import { type Clock, MINUTE } from '../../clock.js';
import type { Log } from '../../log.js';
import type { Count } from '../../table/counters.js';
import type { ClientFacts } from '../wire/headers.js';

/** The longest part of a name that is logged; a name is printable ASCII. */
const MAX_LOGGED = 80;

/** Dependencies of the report. */
export interface DroppedNamesOptions {
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
}

/** Returns the function to call for a request's dropped headers or trailers, with its client and at least one name. */
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
