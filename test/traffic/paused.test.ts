// A balancer that was paused for longer than the timeouts (SIGSTOP, a suspended machine): it reads what hosts and clients
// sent meanwhile before it times anyone out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withServer } from '../support/brackets.js';
import { NO_REDIS, SLOW_MS } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { logOf, withMeercat } from '../support/meercat.js';

const test = suite('paused balancer');

/** The response timeout, and how long the balancer is paused. */
const RESPONSE_TIMEOUT_MS = 1000;
const PAUSE_MS = 2500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('after a pause longer than all timeouts, answers that have come are passed on, hosts stay in, and a silent host is still given up', async () => {
  const held: (() => void)[] = [];
  let asked = 0;
  await withServer(
    (request, response) => {
      asked++;
      if (request.url === '/never') return;
      if (request.url === '/checked') response.end();
      else held.push(() => response.end('well'));
    },
    async ({ url }) => {
      const [port, consolePort] = [await freePort(), await freePort()];
      const args = [
        'balancer',
        '--port',
        String(port),
        '--console-port',
        String(consolePort),
        '--redis',
        NO_REDIS,
        '--host',
        `${url},name=one`,
        '--response-timeout',
        '1s',
        '--client-timeout',
        '1s',
        '--queue-timeout',
        '1s',
        '--health-path',
        '/checked',
        '--health-interval',
        '100ms',
        '--health-timeout',
        '1s',
        '--health-fall',
        '1',
        '--host-max-inflight',
        '40',
        '--eject-after',
        '5',
      ];
      await withMeercat(args, async (child) => {
        await child.waitForLine(/"msg":"serving"/, SLOW_MS);
        // Without Redis the balancer checks its host itself.
        await until(() => logOf(child).some(({ msg }) => String(msg).startsWith('no master is heard')), {
          timeoutMs: SLOW_MS,
          what: 'own checks',
        });
        const before = asked;
        await until(() => asked > before, { timeoutMs: SLOW_MS, what: 'a check' });

        const answers = Promise.all(Array.from({ length: 50 }, () => ask(port)));
        await until(() => held.length === 40, { timeoutMs: SLOW_MS, what: 'the requests to be at the host' });
        child.kill('SIGSTOP');
        for (const answer of held.splice(0)) answer();
        await pause(PAUSE_MS);
        child.kill('SIGCONT');
        // Ten waited for room on the host.
        await until(() => {
          for (const answer of held.splice(0)) answer();
          return true;
        });
        const answering = setInterval(() => {
          for (const answer of held.splice(0)) answer();
        }, 20);
        const counts: Record<string, number> = {};
        try {
          for (const { status, body } of await answers) counts[`${status} ${body.trim()}`] = (counts[`${status} ${body.trim()}`] ?? 0) + 1;
        } finally {
          clearInterval(answering);
        }
        assert.equal(counts, { '200 well': 50 });
        const complaints = logOf(child).filter(({ msg }) => /eject|fails its checks/.test(String(msg)));
        assert.equal(complaints, []);

        const startedMs = performance.now();
        const { status } = await ask(port, { path: '/never' });
        assert.is(status, 504);
        assert.ok(performance.now() - startedMs >= RESPONSE_TIMEOUT_MS);
      });
    },
  );
});

test.run();
