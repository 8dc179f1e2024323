// Subscribes to the events channel: elections, released leases, operators' commands, and the questions of `meercat
// why`.

import type { Log } from '../log.js';
import type { RedisAddress } from '../redis/address.js';
import { logDenial, openSubscription, type Subscription } from '../redis/connect.js';
import type { EventKind, FleetEvent } from '../redis/event-message.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { openEvent } from '../redis/signed-messages.js';
import type { Count } from '../table/counters.js';
import { LEFT_IN_ORDER } from './membership.js';

/** The handler of each kind of event. */
export interface FleetEventHandlers {
  readonly onElected: (term: number, mastership?: string) => void;
  readonly onReleased: () => void;
  /** An operator changed a setting of the whole fleet, or its site. */
  readonly onOperator: () => void;
  /** A balancer has left in good order. */
  readonly onLeft: (balancer: string) => void;
  readonly onWhy: (event: FleetEvent) => void;
  /** Any event that counts; after the handlers above. */
  readonly onEvent?: (event: FleetEvent) => void;
}

/** After these there is something to read. */
const OPERATOR_EVENTS: ReadonlySet<EventKind> = new Set<EventKind>([
  'host-drained',
  'host-ejected',
  'host-undrained',
  'maintenance-began',
  'maintenance-ended',
  'algorithm-set',
  'site',
]);

/** Listens until the subscription is closed; counts malformed events. */
export function openFleetEvents(
  address: RedisAddress,
  keys: Keys,
  gate: MessageGate,
  count: Count,
  log: Log,
  handlers: FleetEventHandlers,
): Subscription {
  return openSubscription(
    address,
    [keys.events],
    (_channel, text) => {
      const decoded = openEvent(gate, keys.events, text);
      if (!decoded.ok) {
        if (!decoded.isCounted) count('events_dropped');
        return;
      }
      const { kind, name, term, mastership, detail } = decoded.value;
      if (kind === 'why-asked') handlers.onWhy(decoded.value);
      if (kind === 'master-elected' && term !== undefined) handlers.onElected(term, mastership);
      if (kind === 'balancer-left' && detail === LEFT_IN_ORDER) handlers.onLeft(name);
      if (kind === 'master-released') handlers.onReleased();
      if (OPERATOR_EVENTS.has(kind)) handlers.onOperator();
      handlers.onEvent?.(decoded.value);
    },
    { onLost: logDenial(log, keys.events) },
  );
}
