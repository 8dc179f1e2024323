// A balancer in a process of its own with an extra thread that polls the CPU column of its table twice per millisecond
// and records when each figure arrives. Reports the observations on request.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { startBalancer } from '../balancer.js';
import { checkRelations, DEFAULTS } from '../config/config.js';
import { createLog } from '../log.js';
import type { Sightings, WatchData } from './watch-thread.js';

/** Runs the role `watched-balancer NAME REDIS_URL NAMESPACE`; handles the messages `watch` (with `slots`) and `report`. */
export async function runWatchedBalancer([name = '', redis = '', namespace = '']: readonly string[]): Promise<() => Promise<void>> {
  const config = checkRelations({
    ...DEFAULTS,
    redis: [redis],
    namespace,
    name,
    port: 0,
    consolePort: 0,
    bind: '127.0.0.1',
    statics: [],
    logLevel: 'error',
  });
  const balancer = await startBalancer(config, createLog(config.logLevel, name));
  let stopWatching: (() => Promise<Sightings>) | undefined;
  process.on('message', (message: { readonly type: string; readonly slots: number }) => {
    if (message.type === 'watch') {
      void watch(balancer.table, message.slots).then((stop) => {
        stopWatching = stop;
        process.send?.({ type: 'watching' });
      });
    }
    if (message.type === 'report')
      void stopWatching?.().then((sightings) => process.send?.({ type: 'sightings', ...sightings, role: balancer.role }));
  });
  process.send?.({ type: 'ready', port: balancer.port, consolePort: balancer.consolePort });
  return () => balancer.stop();
}

/** Starts the thread; resolves after its first poll with a function that stops it. */
async function watch(table: SharedArrayBuffer, slots: number): Promise<() => Promise<Sightings>> {
  const control = new SharedArrayBuffer(4);
  const data: WatchData = { table, control, slots };
  const thread = new Worker(new URL('./watch-thread.js', import.meta.url), { workerData: data });
  await once(thread, 'message');
  return async () => {
    const cell = new Int32Array(control);
    const answer = once(thread, 'message');
    Atomics.store(cell, 0, 1);
    Atomics.notify(cell, 0);
    const [sightings] = (await answer) as [Sightings];
    return sightings;
  };
}
