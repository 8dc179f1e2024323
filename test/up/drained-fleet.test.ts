// `meercat up` with all hosts drained: its balancers are not ready, but rolling restarts still work. Environment variables
// for consoles and drain delays are for production balancers, and do not affect a fleet on loopback.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis } from '../support/brackets.js';
import { freePortsInRow, withFleet } from '../support/fleet-process.js';
import { ended, meercat, withMeercat } from '../support/meercat.js';

const test = suite('a drained fleet');

const BUSY_MS = 60_000;

test('a fleet with all hosts drained is restarted too, whatever the environment variables for consoles and drain delays', () =>
  withRedis(async ({ url }) => {
    const port = await freePortsInRow(1);
    const health = async (): Promise<unknown[]> => {
      const response = await fetch(`http://127.0.0.1:${port + 1000}/.meercat/health`);
      const { status, reason } = (await response.json()) as { status: string; reason: string };
      return [response.status, status, reason];
    };
    await withFleet(
      ['--balancers', '1', '--hosts', '1', '--port', String(port), '--redis', url],
      async (fleet) => {
        await fleet.ready();
        await until(async () => (await meercat(['drain', 'h1', '--redis', url])).code === 0, {
          timeoutMs: BUSY_MS,
          what: 'h1 to be drained',
        });
        await until(async () => (await health())[0] === 503, { what: 'the balancer not to be ready' });
        await withMeercat(['restart', '--redis', url], async (command) => {
          // The command alone would also rely on Redis.
          await fleet.waitForLine(/^restart of b1 ended: serves again after /, BUSY_MS);
          assert.equal(await ended(command, BUSY_MS), { code: 0, signal: null }, command.lines.join('\n'));
        });
        assert.equal(await health(), [503, 'serving', 'all-taken-out']);
      },
      { env: { MEERCAT_CONSOLE_BIND: '127.0.0.2', MEERCAT_DRAIN_DELAY: '60m' } },
    );
  }));

test.run();
