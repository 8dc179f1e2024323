// A host that dies under load: every balancer detects it by itself, and hardly any client is affected.

import { Agent, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';

const test = suite('dead host');

interface MortalHost {
  readonly url: string;
  /** Requests that it has seen. */
  readonly seen: () => number;
  /** Ends it as a killed process ends: connections reset, new ones refused. */
  die(): Promise<void>;
  revive(): Promise<void>;
}

async function withMortalHost<T>(name: string, fn: (host: MortalHost) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  let seen = 0;
  const listen = (port: number): Promise<ReturnType<typeof createServer>> =>
    new Promise((resolve, reject) => {
      const server = createServer((request, response) => {
        seen++;
        request.resume();
        setTimeout(() => response.end(name), 5);
      });
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      });
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  const die = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  try {
    return await fn({ url: `http://127.0.0.1:${port}`, seen: () => seen, die, revive: async () => void (server = await listen(port)) });
  } finally {
    await die();
  }
}

/** GETs at a steady pace on kept connections, as long as `fn` runs; gives the failures of each balancer. */
async function underLoad(
  balancers: readonly TestBalancer[],
  perSecond: number,
  fn: (answered: () => number) => Promise<void>,
): Promise<string[][]> {
  const failures = balancers.map((): string[] => []);
  const agent = new Agent({ keepAlive: true });
  const waiting = new Set<Promise<void>>();
  let turn = 0;
  let answered = 0;
  const timer = setInterval(() => {
    const index = turn++ % balancers.length;
    const { port } = balancers[index] as TestBalancer;
    const asked = ask(port, { agent }).then(
      ({ status }) => {
        answered++;
        if (status !== 200) failures[index]?.push(String(status));
      },
      (error: NodeJS.ErrnoException) => void failures[index]?.push(error.code ?? error.message),
    );
    waiting.add(asked);
    void asked.then(() => waiting.delete(asked));
  }, 1000 / perSecond);
  try {
    await fn(() => answered);
  } finally {
    clearInterval(timer);
    await Promise.all(waiting);
    agent.destroy();
  }
  return failures;
}

const ejections = ({ counter }: TestBalancer): number => counter('ejections_connect_failed') + counter('ejections_reset');

test('under 200 requests/s a host that dies is ejected by every balancer, at the cost of one GET each at most, and comes back', () =>
  withMortalHost('a', (a) =>
    withMortalHost('b', (b) =>
      withMortalHost('c', (c) => {
        const statics = [a, b, c].map(({ url }, i) => ({ name: `h${i}`, url }));
        // Without Redis a balancer checks its hosts itself after 3 s: those checks must not take the host out before its requests do.
        const options = { statics, algorithm: 'resource' as const, ejectTimeMs: 300, healthIntervalMs: 1000, healthFall: 100 };
        return withBalancer(options, (first) =>
          withBalancer(options, (second) =>
            withBalancer(options, async (third) => {
              const balancers = [first, second, third];
              const failures = await underLoad(balancers, 200, async (answered) => {
                await until(() => answered() > 150, { timeoutMs: 30_000 });
                await c.die();
                await until(() => balancers.every((each) => ejections(each) > 0), {
                  timeoutMs: 30_000,
                  what: 'every balancer to eject it',
                });
                const before = c.seen();
                const sofar = answered();
                await until(() => answered() > sofar + 100, { timeoutMs: 30_000 });
                assert.is(c.seen(), before);
                await c.revive();
                await until(() => balancers.every(({ counter }) => counter('ejections_ended') > 0), {
                  timeoutMs: 30_000,
                  what: 'every balancer to take it back',
                });
                await until(() => c.seen() > before + 20, { timeoutMs: 30_000, what: 'it to be used again' });
              });
              for (const [index, each] of failures.entries()) assert.ok(each.length <= 1, `balancer ${index}: ${each.join()}`);
            }),
          ),
        );
      }),
    ),
  ));

test('a host that answers 5xx fast is ejected, and gets nothing until a probe finds it well', () =>
  withMortalHost('good', (good) => {
    let bad = 0;
    const server = createServer((_request, response) => {
      bad++;
      response.writeHead(503).end('no');
    });
    return new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)).then(async () => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      try {
        await withBalancer(
          {
            statics: [
              { name: 'bad', url },
              { name: 'good', url: good.url },
            ],
            ejectAfter: 3,
            ejectTimeMs: 60_000,
            ejectMaxTimeMs: 60_000,
          },
          async ({ port, counter }) => {
            const statuses: number[] = [];
            for (let i = 0; i < 40; i++) statuses.push((await ask(port)).status);
            assert.equal([counter('ejections_5xx'), counter('hosts_answered_5xx'), bad], [1, 3, 3]);
            assert.is(statuses.filter((status) => status === 503).length, 3, 'what a host answers is passed on');
          },
        );
      } finally {
        server.close();
        server.closeAllConnections();
      }
    });
  }));

test.run();
