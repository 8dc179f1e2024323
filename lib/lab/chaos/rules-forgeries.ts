// Rules about forged messages: they are dropped and counted, and change nothing.

import type { EventOf, Rule, Violation } from './events.js';
import { forgedAt, isForgedMastership } from './forged.js';
import { stampText } from './rules-masterships.js';

/** No forged table is applied, or not for longer than forging may have an effect. */
export const forgeriesDropped: Rule = (events, promises) => {
  const isForged = forgedAt(events, promises);
  return events.flatMap((event) =>
    event.kind === 'health' && isForgedMastership(event.table.mastership) && !isForged(event.atMs)
      ? [
          {
            rule: 'forgeries are dropped',
            atMs: event.atMs,
            what: `${event.balancer} routes on the forged table ${stampText(event.table)}`,
          },
        ]
      : [],
  );
};

/** A master that ended for one of these reasons was not deposed by a message. */
const BY_ITSELF = /could not be renewed in time|the lease was lost/;

/** With signed messages a forgery ends no mastership: while messages are forged the term stays, unless a lease ran out. */
export const forgeriesChangeNothing: Rule = (events, { isSigned }) => {
  const found: Violation[] = [];
  let highest = 0;
  let span: { readonly term: number; isExcused: boolean; raised?: EventOf<'health'> } | undefined;
  const close = (): void => {
    const { raised, isExcused = false, term = 0 } = span ?? {};
    if (raised !== undefined && !isExcused)
      found.push({
        rule: 'forgeries change nothing',
        atMs: raised.atMs,
        what: `${raised.balancer} has seen term ${raised.term} while messages were forged in term ${term}`,
      });
    span = undefined;
  };
  for (const event of events) {
    if (event.kind === 'forging') {
      close();
      if (event.isOn && isSigned && highest > 0) span = { term: highest, isExcused: false };
    }
    if (span !== undefined && (event.kind === 'stall' || (event.kind === 'log' && BY_ITSELF.test(event.text)))) span.isExcused = true;
    if (event.kind !== 'health') continue;
    highest = Math.max(highest, event.term);
    if (span !== undefined && event.term > span.term) span.raised ??= event;
  }
  close();
  return found;
};

/** With signed messages each forgery is counted. */
export const forgeriesCounted: Rule = (events, { isSigned }) =>
  events.flatMap((event) =>
    isSigned && event.kind === 'refused' && event.after <= event.before
      ? [{ rule: 'forgeries are counted', atMs: event.atMs, what: `no balancer counted what was refused: ${event.what}` }]
      : [],
  );
