// The hosts thread of a balancer that repeatedly becomes master: a past mastership leaves nothing behind.

import { MessageChannel } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startHosts } from '../../lib/hosts/hosts.js';
import { NO_STAMP } from '../../lib/model.js';
import { createTable } from '../../lib/table/layout.js';
import type { FleetToHosts } from '../../lib/thread-messages.js';
import { TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { until, withRedis } from '../support/brackets.js';
import { KEYS } from '../support/fleet.js';
import { mastershipOf } from '../support/host-rows.js';
import { withClients } from '../support/redis-client.js';

const test = suite('hosts channel');

const MASTERSHIPS = 50;

/** Node.js warns when there are suspiciously many listeners. */
async function warningsOf(fn: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', onWarning);
  try {
    await fn();
    // Warnings are emitted a turn later.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', onWarning);
  }
  return warnings;
}

test('fifty masterships leave no listener, connection or pending command behind', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const { port1: fleet, port2: fleetPort } = new MessageChannel();
      const config = {
        name: 'b1',
        url: 'http://127.0.0.1:1',
        version: '0',
        instance: '00000000-1',
        joinedAtMs: 0,
        redis: [redis.url],
        namespace: KEYS.namespace,
        leaseTtlMs: 1500,
        algorithm: 'adaptive' as const,
        statics: [],
        site: { document: '', isPublished: false, stateDir: '' },
        dnsServers: [],
        health: TRAFFIC_DEFAULTS,
        tls: { ca: undefined, isInsecure: false },
        otlp: null,
      };
      const hosts = startHosts({ table: createTable(16), config, fleetKey: '', fleetPort }, () => undefined);
      const connections = async (): Promise<number> => Number(/connected_clients:(\d+)/.exec(await client.info('clients'))?.[1]);
      const tell = (message: FleetToHosts): void => fleet.postMessage(message);
      try {
        const warnings = await warningsOf(async () => {
          for (let term = 1; term <= MASTERSHIPS; term++) {
            await client.set(KEYS.term, `${term} ${mastershipOf(term)}`);
            tell({
              type: 'become-master',
              site: null,
              term,
              mastership: mastershipOf(term),
              stamp: NO_STAMP,
              rows: [],
              costs: [],
              statics: [],
            });
            await until(async () => String(await client.get(KEYS.table)).includes(`"term":${term},`), {
              everyMs: 3,
              what: `a table of term ${term}`,
            });
            tell({ type: 'become-slave' });
          }
        });
        assert.equal(warnings, []);
        // Its own connection, and the test's.
        await until(async () => (await connections()) === 2, { what: 'the last subscription to end' });
        // Whether the server supports commands without replies is checked once per connection, not per mastership.
        const asked = Number(/cmdstat_client\|reply:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
        assert.is(asked, 1);
      } finally {
        hosts.stop();
        fleet.close();
      }
    }),
  ));

test.run();
