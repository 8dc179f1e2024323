// `meercat status --watch` on a terminal: looks at the fleet twice a second until a person has seen enough.

import { setTimeout as pause } from 'node:timers/promises';
import type { MeercatError } from '../errors.js';
import type { KeyRing } from '../redis/fleet-key.js';
import type { FleetView } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';
import { followEvents } from './events-feed.js';
import type { SortKey } from './fleet-order.js';
import { openFleetScreen } from './fleet-screen.js';
import type { Terminal } from './screen.js';

/** The pause between two looks: an election is to be seen as it happens. */
export const LOOK_EVERY_MS = 500;

/** What was seen: the fleet, or a text in its place. */
export type Seen = { readonly view: FleetView } | { readonly text: string };

/** What is watched. */
export interface Watched {
  /** Resolves with an error that says why nothing can be seen. */
  look(): Promise<Seen | MeercatError>;
  readonly redis: string;
  readonly keys: Keys;
  readonly ring: KeyRing;
  readonly sort: SortKey | undefined;
  readonly isColoured: boolean;
}

/** Shows the fleet until `signal` is aborted or a key ends it; then the terminal is as it was. */
export async function watchOnScreen(
  terminal: Terminal,
  { look, redis, keys, ring, sort, isColoured }: Watched,
  signal: AbortSignal,
): Promise<void> {
  const typed = new AbortController();
  const ended = AbortSignal.any([signal, typed.signal]);
  const screen = openFleetScreen(terminal, { isColoured, sort, isQuitByQ: true, endWord: 'quit', onEnd: () => typed.abort() });
  const events = followEvents(redis, keys, ring, {
    onEvent: (event) => screen.onEvent(event),
    onDenied: (reason) => screen.onLine(`no events are shown: ${reason}`),
  });
  try {
    const untilEnded = new Promise<null>((resolve) => void ended.addEventListener('abort', () => resolve(null)));
    while (!ended.aborted) {
      // Who wants to end does not wait for a Redis that hangs.
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const seen = await Promise.race([look(), untilEnded]);
      if (seen === null) break;
      if (seen instanceof Error) show(seen);
      else if ('view' in seen) screen.show(seen.view);
      else screen.showText(seen.text);
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await pause(LOOK_EVERY_MS, undefined, { signal: ended }).catch(() => undefined);
    }
  } finally {
    events.close();
    screen.close();
  }

  /** Without Redis the last figures are better than none; of a fleet that has ended they would mislead. */
  function show(error: MeercatError): void {
    if (error.code === 'MEERCAT_NO_REDIS') screen.showTrouble(error.message);
    else screen.showText(error.message);
  }
}
