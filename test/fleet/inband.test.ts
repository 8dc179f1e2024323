// Hosts that report their load in responses, on real sockets and a real Redis: the whole fleet learns it, a new master
// too; a host without requests is not considered silent; an agent's figures take precedence.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { openTable } from '../../lib/table/layout.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { deliverReport, KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('inband');

const round = (figure: number | undefined): number => Math.round((figure ?? Number.NaN) * 1000) / 1000;
/** The CPU of the first host in a balancer's own table, as picks see it. */
const cpuIn = ({ balancer }: TestBalancer): number => round(openTable(balancer.table).cpu[0]);

test('what a host reports in responses to one balancer reaches the fleet, and survives a change of master', () => {
  let load = 'TEXT cpu_utilization=0.25,mem_utilization=0.5,rps_fractional=7,named_metrics.cores=2';
  return withServer(
    (_request, response) => void response.writeHead(200, { 'endpoint-load-metrics': load }).end('ok'),
    ({ url }) => {
      const statics = [{ name: 's', url }];
      return withRedis((redis) =>
        withClients([redis.url], (client) =>
          withBalancer({ redis: [redis.url], name: 'first', statics }, async (first) => {
            await first.becomes('master');
            await withBalancer({ redis: [redis.url], name: 'second', statics }, async (second) => {
              const hostIs = async (expected: string): Promise<void> => {
                let last = '';
                await until(
                  async () => {
                    const [host] = (await readFleet(client, KEYS)).hosts;
                    last = JSON.stringify([host?.state, host?.cpu, host?.memory, host?.cores, host?.hasAgent]);
                    return last === expected;
                  },
                  { timeoutMs: SLOW_MS, what: () => `${expected} in Redis: ${last}` },
                );
              };
              // The master's table may arrive after the first response.
              await until(
                async () => {
                  const { headers } = await ask(second.port);
                  assert.is(headers['endpoint-load-metrics'], undefined);
                  return cpuIn(first) === 0.25;
                },
                { timeoutMs: SLOW_MS, everyMs: 300, what: 'the CPU in the other balancer’s table' },
              );
              await hostIs('["up",0.25,0.5,2,false]');
              await until(() => cpuIn(second) === 0.25, { timeoutMs: SLOW_MS, what: 'the CPU in its own table' });

              // Four seconds without a request, and a new master: the host is not considered silent.
              await first.balancer.stop();
              await second.becomes('master');
              await new Promise((resolve) => setTimeout(resolve, 4500));
              await hostIs('["up",0.25,0.5,2,false]');

              await deliverReport(client, 's', url, { cpu: 0.75, intervalMs: 60_000 });
              await until(() => cpuIn(second) === 0.75, { timeoutMs: SLOW_MS });
              load = 'JSON {"cpu_utilization":0.125}';
              const published = second.counter('inband_published');
              for (let i = 0; i < 3; i++) {
                await ask(second.port);
                await new Promise((resolve) => setTimeout(resolve, 260));
              }
              assert.equal([cpuIn(second), second.counter('inband_published')], [0.75, published]);
              // Its agent says goodbye: only in-band figures are left.
              await deliverReport(client, 's', url, { bye: true });
              await until(
                async () => {
                  await ask(second.port);
                  return cpuIn(second) === 0.125;
                },
                { timeoutMs: SLOW_MS, everyMs: 300, what: 'the host’s own figures again' },
              );
              await hostIs('["up",0.125,null,null,false]');
            });
          }),
        ),
      );
    },
  );
});

test.run();
