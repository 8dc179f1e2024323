// The rolling restart of `meercat balancer --processes`: every process is replaced, and no connection is refused, reset
// or left waiting, since each process stops only when another one serves.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildKeys } from '../../lib/redis/keys.js';
import { until, withRedis } from '../support/brackets.js';
import { startConnectLoad } from '../support/connect-load.js';
import { SLOW_MS } from '../support/fleet.js';
import { withGroup } from '../support/group-process.js';
import { withClients } from '../support/redis-client.js';

const test = suite('process group restart');

const KEYS = buildKeys('meercat');

test('SIGUSR1 restarts all, one after the other and not before another one serves; no connection is refused, reset or left waiting', () =>
  withRedis(({ url }) =>
    withClients([url], (client) =>
      withGroup({ redis: url }, async (group) => {
        const pids = group.pids();
        const soFar = group.log('serving').length;
        process.kill(Number(await until(() => client.hget(KEYS.balancer('g-2'), 'pid'))), 'SIGKILL');
        await until(() => group.log('a process ended and is started again').length === 1, { timeoutMs: SLOW_MS });
        const load = startConnectLoad(group.port, 8);
        try {
          group.parent.kill('SIGUSR1');
          await until(() => group.log('restart ended').length === 3, {
            timeoutMs: 2 * SLOW_MS,
            what: () => `the restart:\n${group.parent.lines.join('\n')}`,
          });
          const answered = load.answered;
          await until(() => load.answered > answered + 50, { timeoutMs: SLOW_MS });
        } finally {
          await load.stop();
        }
        assert.equal(load.failures, [], `of ${load.answered}`);
        assert.equal(
          group
            .log('restart began')
            .map(({ process: name }) => name)
            .slice(0, 3),
          [undefined, 'g-1', 'g-2'],
        );
        // The killed process serves again before the first one is stopped.
        const order = group.log('serving').map(({ name }) => name);
        assert.equal(order.slice(soFar), ['g-2', 'g-1', 'g-2'], group.parent.lines.join('\n'));
        assert.is(group.log('a process ended and is started again').length, 1, 'a restart is no death');
        assert.not.ok(group.pids().some((pid) => pids.includes(pid)));
        const names = await until(
          async () => {
            const found = await client.zrange(KEYS.balancers, '0', '-1');
            return found.length === 2 && found;
          },
          { timeoutMs: SLOW_MS },
        );
        assert.equal(names.toSorted(), ['g-1', 'g-2']);
      }),
    ),
  ));

test.run();
