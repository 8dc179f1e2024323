// A turn of faults in which a contestant does not come back: it is told, and what the others met is not lost. The balancers
// are the real hosts of the faults, which answer as a balancer in front of them does.

import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FaultBalancer, type FaultContestant, untilFree } from '../../../lib/lab/proof/faults-contestants.js';
import { runTurn } from '../../../lib/lab/proof/faults-turns.js';
import { freePort, startRole } from '../../../lib/lab/processes.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { ENTRY } from '../../support/meercat.js';

const test = suite('turns of faults');

const NO_WAY_BACK = async (): Promise<never> => {
  throw new Error('its port stays closed');
};

function contestantOf(name: string, port: number, fields: Partial<FaultBalancer & FaultContestant> = {}): FaultContestant {
  const member: FaultBalancer = {
    port,
    link: undefined,
    signal: () => undefined,
    killAndStart: async () => 7,
    renew: async () => undefined,
    ...fields,
  };
  return { name, program: 'nginx', balancers: 1, members: [member], untilWell: async () => member, ...fields };
}

test('a contestant that does not come back, or was not well before, is told, and the others have their figures', async () => {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  try {
    const options = { core: null, shutdown };
    const [host, { child: load }] = await Promise.all([
      startRole('fault-host', ['h1', String(await freePort()), 'redis://127.0.0.1:1'], options),
      startRole('fault-load', [], options),
    ]);
    const port = Number(host.ready.port);
    const parts = { redisPort: 1, hostPorts: [port, port], killRedis: NO_WAY_BACK, killHost: NO_WAY_BACK };
    const stage = { context: { entry: ENTRY, flags: {}, say: () => undefined, shutdown }, parts, load, perSecond: 50, onWrong: undefined };
    const good = contestantOf('good', port);
    const contestants = [
      contestantOf('sick', port, { untilWell: NO_WAY_BACK }),
      contestantOf('lost', port, { killAndStart: NO_WAY_BACK }),
      good,
    ];
    const met = await runTurn(
      stage,
      contestants.map((contestant) => ({ contestant, fault: 'kill a balancer' as const })),
      0,
      1,
    );
    assert.match(met[0] as string, /^was not well before it: its port stays closed$/);
    assert.match(met[1] as string, /^did not come back: its port stays closed$/);
    const [, , third] = met;
    if (typeof third !== 'object' || met.length !== 3) throw new Error(JSON.stringify(met));
    assert.equal([third.lost, third.lostBefore, third.startedAfterMs], [0, 0, 7]);
    assert.ok(third.worstMs > 0);
    // What all share is another matter.
    const shared = await runTurn(stage, [{ contestant: good, fault: 'kill Redis' }], 0, 1).catch((error: unknown) => String(error));
    assert.match(String(shared), /its port stays closed/);
  } finally {
    await shutdown.run();
  }
});

test('a port is free once nobody listens on it', async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await freePort();
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  let isFree = false;
  const free = untilFree(port).then((ms) => {
    isFree = true;
    return ms;
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 200);
  });
  assert.is(isFree, false);
  server.close();
  assert.ok((await free) > 0);
});

test.run();
