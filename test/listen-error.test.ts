// Ports that can't be listened on: what each listener says, with the flag and the way out. Where the tests run as root,
// a plain user's refusal is a real one.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listenError } from '../lib/listen-error.js';
import { withProcess } from './support/brackets.js';
import { freePortsInRow, withPortTaken } from './support/fleet-process.js';
import { ended, inLanes, meercat, meercatProcess } from './support/meercat.js';

const test = suite('ports that cannot be listened on');

const NO_REDIS = 'redis://127.0.0.1:1';
const NOBODY = 65_534;

const failed = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`listen ${code}`), { code });

test('each reason names the flag and the way out', () => {
  const own = { port: 443, bind: '0.0.0.0', portFlag: '--port', bindFlag: '--bind' };
  const cases: readonly (readonly [code: string, options: Parameters<typeof listenError>[1], error: string, says: RegExp])[] = [
    ['EADDRINUSE', own, 'MEERCAT_PORT_TAKEN', /^port 443 on 0\.0\.0\.0 is taken: choose another with --port$/],
    ['EADDRINUSE', { ...own, owner: 'the console' }, 'MEERCAT_PORT_TAKEN', /^the console's port 443 is taken: choose another with --port$/],
    [
      'EACCES',
      own,
      'MEERCAT_START_FAILED',
      /^port 443 on 0\.0\.0\.0 needs a right .*: choose one above 1023 with --port, or grant CAP_NET_BIND_SERVICE .*ip_unprivileged_port_start=443\)$/,
    ],
    // Not by its number: another rule of the machine forbids it.
    ['EACCES', { ...own, port: 8080 }, 'MEERCAT_START_FAILED', /^can't listen on 0\.0\.0\.0:8080 \(EACCES\): check --bind and --port$/],
    ['EADDRNOTAVAIL', { ...own, bindFlag: '--port' }, 'MEERCAT_START_FAILED', /\(EADDRNOTAVAIL\): check --port$/],
  ];
  for (const [code, options, error, says] of cases) {
    const refusal = listenError(failed(code), options);
    assert.is(refusal.code, error);
    assert.match(refusal.message, says);
  }
});

/** The first port that every user may listen on, on this machine. */
const firstFreePort = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));

/** Ports that nothing uses, and that a plain user may not have. */
const LOW = ['81', '82', '83'] as const;

// Other users can be had by root alone, and on some machines each may listen on every port.
const asNobody = process.getuid?.() === 0 && firstFreePort > Number(LOW.at(-1)) ? test : test.skip;

asNobody('a plain user that asks for a port below 1024 learns what it takes', () =>
  inLanes(
    [
      [['balancer', '--redis', NO_REDIS, '--bind', '127.0.0.1', '--port', LOW[0]], '--port'],
      [['balancer', '--redis', NO_REDIS, '--bind', '127.0.0.1', '--port', '0', '--console-port', LOW[1]], '--console-port'],
      [['agent', '--redis', NO_REDIS, '--url', 'http://127.0.0.1:1', '--listen-agent-check', LOW[2]], '--listen-agent-check'],
      [['up', '--redis', NO_REDIS, '--balancers', '1', '--port', LOW[0]], '--port'],
    ] as const,
    ([args, flag]) =>
      withProcess({ ...meercatProcess(args), uid: NOBODY }, async (child) => {
        assert.is((await ended(child, 20_000)).code, 1);
        const said = child.stderr.filter((line) => line.startsWith('meercat: ') && !line.includes('starting the fleet')).join('\n');
        assert.match(
          said,
          new RegExp(`needs a right that this user \\(uid ${NOBODY}\\) does not have: choose one above 1023 with ${flag}, `),
        );
      }),
  ),
);

test('a port that `up` needs and another has is named with what it is for', async () => {
  const port = await freePortsInRow(1);
  await withPortTaken(port + 1000, async () => {
    const { code, stderr } = await meercat(['up', '--balancers', '1', '--port', String(port), '--redis', NO_REDIS]);
    assert.is(code, 1);
    assert.ok(
      stderr.endsWith(`meercat: port ${port + 1000}, for the console of the balancer on ${port}, is taken: choose another with --port`),
      stderr,
    );
  });
});

test.run();
