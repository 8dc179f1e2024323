// One static host behind a real balancer, and what the shared table says of its requests: for tests of whose turn it is.

import { request, type IncomingMessage, type RequestListener, type RequestOptions } from 'node:http';
import type { BalancerConfig } from '../../lib/config/config.js';
import { openTable, type TableColumns } from '../../lib/table/layout.js';
import { SLOW_MS, type TestBalancer } from './fleet.js';
import { ask } from './http-client.js';
import { withProxy } from './proxy.js';
import { until } from './until.js';

/** The requests of one host at one moment, in the columns of the shared table. */
export interface Counted {
  readonly inflight: number;
  readonly awaited: number;
  readonly longLived: number;
}

/** A balancer whose host's durations count as evidence. */
export interface TurnStage {
  readonly each: TestBalancer;
  readonly columns: TableColumns;
  readonly slot: number;
  counted(): Counted;
  /** Resolves when the counts are these. */
  counts(wanted: Counted): Promise<void>;
  /** The durations of served requests so far, in ms, and their number. */
  durations(): { readonly busyMs: number; readonly served: number };
}

/** The counts of a slot. */
export function countedOf({ inflight, awaited, longLived }: TableColumns, slot: number): Counted {
  return { inflight: inflight[slot] as number, awaited: awaited[slot] as number, longLived: longLived[slot] as number };
}

/** The slot of the only host. */
export function onlySlot({ known }: TableColumns): number {
  return known.indexOf(1);
}

/** Starts the balancer and sends short requests to `/short` until their durations are recorded. */
export function withTurnStage<T>(
  handler: RequestListener,
  fn: (stage: TurnStage) => Promise<T>,
  overrides: Partial<BalancerConfig> = {},
): Promise<T> {
  return withProxy(
    (incoming, response) => {
      if (incoming.url === '/short') response.end('short');
      else handler(incoming, response);
    },
    async (each) => {
      const columns = openTable(each.balancer.table);
      const slot = onlySlot(columns);
      const stage: TurnStage = {
        each,
        columns,
        slot,
        counted: () => countedOf(columns, slot),
        counts: async (wanted) => {
          await until(() => JSON.stringify(stage.counted()) === JSON.stringify(wanted), {
            timeoutMs: SLOW_MS,
            what: () => `${JSON.stringify(wanted)}, not ${JSON.stringify(stage.counted())}`,
          });
        },
        durations: () => ({
          busyMs: columns.busyMs[slot] as number,
          served: columns.servedByClass.subarray(slot * 64, (slot + 1) * 64).reduce((sum, count) => sum + count, 0),
        }),
      };
      await until(async () => (await ask(each.port, { path: '/short' })).status === 200 && stage.durations().served > 0, {
        timeoutMs: SLOW_MS,
        everyMs: 50,
        what: 'durations to be recorded',
      });
      return fn(stage);
    },
    overrides,
  );
}

/** Sends a request whose answer is read by the caller. */
export function open(port: number, options: RequestOptions = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent: false, ...options }, resolve)
      .on('error', reject)
      .end();
  });
}
