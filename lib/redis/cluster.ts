// Finds out why a Cluster is unusable. ioredis queries its servers over internal connections and hides their errors.

import type { Cluster, Redis } from './ioredis.js';
import { CONNECTION_CLOSED, reasonOf } from './reason.js';
import { watch } from './watch.js';

/** Adds the reason to Cluster errors that only say that the connection was closed, by connecting to one server. */
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
  // The next failure may have another reason.
  cluster.on('ready', () => (reason = undefined));
}
