// Why a Cluster can't be used. ioredis asks its servers over connections of its own, and keeps to itself why those failed.

import type { Cluster, Redis } from './ioredis.js';
import { CONNECTION_CLOSED, reasonOf } from './reason.js';
import { watch } from './watch.js';

/** Puts the reason into the errors of a Cluster whose servers only said that the connection was closed: asks one of them. */
export function explainFailures(cluster: Cluster, openOne: () => Redis): void {
  let reason: string | undefined;
  let isAsking = false;
  const ask = (): void => {
    isAsking = true;
    const one = openOne();
    const end = (found?: string): void => {
      isAsking = false;
      reason = found;
      one.disconnect();
    };
    watch(one, { onReady: () => end(), onLost: end });
  };
  cluster.on('error', (error: Error & { lastNodeError?: Error }) => {
    if (error.lastNodeError === undefined || reasonOf(error.lastNodeError) !== CONNECTION_CLOSED) return;
    if (reason !== undefined) Object.assign(error, { knownReason: reason });
    if (!isAsking) ask();
  });
  // The next failure has a reason of its own.
  cluster.on('ready', () => (reason = undefined));
}
