// The fleet's events for a command that watches: what has a wrong signature is left out, as balancers do.

import { parseRedisAddress } from '../redis/address.js';
import { isDenial, openSubscription, type Subscription } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { KeyRing } from '../redis/fleet-key.js';
import type { Keys } from '../redis/keys.js';
import { MessageGate } from '../redis/message-gate.js';
import { openEvent } from '../redis/signed-messages.js';

/** What comes of the events. */
export interface EventsFeedHandlers {
  onEvent(event: FleetEvent): void;
  /** Redis does not let this user subscribe, for this reason; the feed goes on trying. */
  onDenied(reason: string): void;
}

/** Listens until it is closed. Without a key nothing is checked: a person sees what anybody may have said. */
export function followEvents(redis: string, keys: Keys, ring: KeyRing, { onEvent, onDenied }: EventsFeedHandlers): Subscription {
  const gate = ring.isKeyed
    ? new MessageGate(
        ring,
        () => undefined,
        () => undefined,
      )
    : undefined;
  return openSubscription(
    parseRedisAddress(redis),
    [keys.events],
    (_channel, text) => {
      const event = openEvent(gate, keys.events, text);
      if (event.ok) onEvent(event.value);
    },
    {
      onLost(reason) {
        if (isDenial(reason)) onDenied(reason);
      },
    },
  );
}
