// HAProxy's agent-check protocol, both sides: keywords by a table, the server and the probe against each other and
// against misbehaving clients and agents, agents that relay other agents' state, and a real HAProxy.

import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Agent, type AgentConfig, startAgent } from '../../lib/agent/agent.js';
import { type AgentCheckState, afterLine, GONE_LINE, LEAVE_LINE, NOTHING_SAID, readingOf, serveLine } from '../../lib/agent/agent-check.js';
import { type AgentCheckServer, openAgentCheckServer } from '../../lib/agent/agent-check-server.js';
import { openProbe } from '../../lib/agent/probe.js';
import { freePort, until, withProcess, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { withListener } from '../support/redis-client.js';

const test = suite('agent check');

const NO_REDIS = 'redis://127.0.0.1:1';
const UNKNOWN = { cpu: null, memory: null, cores: null, rps: null };

/** Sequences of lines and the resulting state; `null` if a line is rejected. */
const LINES: readonly (readonly [lines: readonly string[], state: AgentCheckState | null])[] = [
  [['75%'], { isReady: true, isUp: true, weight: 0.75 }],
  [['up 100%'], { isReady: true, isUp: true, weight: 1 }],
  [['UP, 5%\tREADY'], { isReady: true, isUp: true, weight: 0.05 }],
  [['50%', 'up'], { isReady: true, isUp: true, weight: 0.5 }],
  [['drain'], { isReady: false, isUp: true, weight: null }],
  [['drain', '75%'], { isReady: false, isUp: true, weight: 0.75 }],
  [['drain', 'up'], { isReady: false, isUp: true, weight: null }],
  [['maint', 'ready'], { isReady: true, isUp: true, weight: null }],
  [['down'], { isReady: true, isUp: false, weight: null }],
  [['fail #disk full, up 50%'], { isReady: true, isUp: false, weight: null }],
  [['stopped', 'ready'], { isReady: true, isUp: false, weight: null }],
  [['stopped', 'ready', 'up'], { isReady: true, isUp: true, weight: null }],
  [['ready drain'], { isReady: false, isUp: true, weight: null }],
  [['0%'], { isReady: true, isUp: true, weight: 0 }],
  [['200%'], { isReady: true, isUp: true, weight: 2 }],
  [['maxconn:30'], { isReady: true, isUp: true, weight: null }],
  [['maxconn:30 up 40% later:1'], { isReady: true, isUp: true, weight: 0.4 }],
  ...['', ' ', '#up', 'hello', '75', '%', '-5%', '7.5%', '1e3%', '999999%', 'maxconn:', 'maxconn:x', 'upp', 'HTTP/1.1 200 OK'].map(
    (line) => [[line], null] as const,
  ),
];

for (const [lines, state] of LINES) {
  test(`${JSON.stringify(lines.join(' / '))} means ${JSON.stringify(state)}`, () => {
    let now: AgentCheckState | undefined = NOTHING_SAID;
    for (const line of lines) now = now && afterLine(now, line);
    assert.equal(now ?? null, state);
  });
}

test('a weight is the free capacity of the host, and a weight of 0 takes it out, as keywords do', () => {
  const reading = (line: string) => readingOf(afterLine(NOTHING_SAID, line) ?? NOTHING_SAID, 2);
  assert.equal(reading('75%'), { ...UNKNOWN, cpu: 0.25, cores: 2, isOut: false });
  assert.equal(reading('200%'), { ...UNKNOWN, cpu: 0, cores: 2, isOut: false });
  assert.equal(reading('up'), { ...UNKNOWN, cores: 2, isOut: false });
  for (const line of ['0%', 'drain', 'maint', 'down', 'fail', 'stopped', '80% drain']) assert.is(reading(line).isOut, true, line);
});

test('the line reports the free CPU, reduced by memory pressure from 80 % up, and never 0', () => {
  const lines = [
    [0.37, 0.5],
    [0.37, null],
    [0, 0],
    [1, 0.2],
    [0.2, 0.9],
    [0.2, 1],
    [null, 0.5],
  ] as const;
  assert.equal(
    lines.map(([cpu, memory]) => serveLine({ cpu, memory })),
    ['up 63%', 'up 63%', 'up 100%', 'up 1%', 'up 30%', 'up 1%', 'up'],
  );
  assert.is(serveLine(undefined), 'up');
});

/** Answers agent checks with the current `said.line`. */
async function withCheck<T>(said: { line: string }, fn: (server: AgentCheckServer) => T | Promise<T>): Promise<T> {
  const server = await openAgentCheckServer(0, '127.0.0.1', () => said.line);
  try {
    return await fn(server);
  } finally {
    server.close();
  }
}

/** Listens with a handler for each connection. */
async function withRaw<T>(handler: (socket: Socket) => void, fn: (url: string) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    handler(socket);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  try {
    return await fn(`agent-check://127.0.0.1:${port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const failureOf = async (url: string, timeoutMs: number): Promise<string> => {
  const probe = await openProbe(url, { timeoutMs });
  const failure = await probe.read().then(
    () => 'none',
    (error: Error) => error.message,
  );
  probe.close();
  return failure;
};

test('the probe reads the server repeatedly, and keeps state that a line does not mention', async () => {
  const said = { line: serveLine({ cpu: 0.25, memory: 0.5 }) };
  await withCheck(said, async ({ port }) => {
    const probe = await openProbe(`agent-check://127.0.0.1:${port}`, { timeoutMs: 5000, coresLimit: 4 });
    assert.is(probe.kind, 'agent-check');
    const readings: unknown[] = [];
    for (said.line of [said.line, 'drain', '50%', 'ready', LEAVE_LINE, GONE_LINE, 'up 90%']) {
      const { cpu, cores, isOut } = await probe.read();
      readings.push([cpu === null ? null : Math.round(cpu * 100), cores, isOut]);
    }
    assert.equal(readings, [
      [25, 4, false],
      [25, 4, true],
      [50, 4, true],
      [50, 4, false],
      [100, 4, true],
      [100, 4, true],
      [10, 4, false],
    ]);
    probe.close();
    assert.match(
      await probe.read().then(
        () => 'none',
        (error: Error) => error.message,
      ),
      /is closed/,
    );
  });
});

test('a line ends with CR, LF or the connection; anything after it is ignored', async () => {
  for (const bytes of ['40%\r', '40%\n', '40%\r\n', '40%', '40%\ndrain\n', `40%\n${'x'.repeat(100_000)}`]) {
    await withRaw(
      (socket) => socket.end(bytes),
      async (url) => {
        const probe = await openProbe(url, { timeoutMs: 5000 });
        const { cpu, isOut } = await probe.read();
        assert.equal([cpu, isOut], [0.6, false], bytes.slice(0, 20));
        probe.close();
      },
    );
  }
});

test('a read fails if the agent sends nothing, too much or no known keyword, or is unreachable', async () => {
  assert.match(
    await withRaw(
      () => undefined,
      (url) => failureOf(url, 100),
    ),
    /^agent check 127\.0\.0\.1:\d+: no line within 100 ms$/,
  );
  assert.match(
    await withRaw(
      (socket) => void socket.write('up 50%'),
      (url) => failureOf(url, 100),
    ),
    /no line within/,
  );
  assert.match(
    await withRaw(
      (socket) => void socket.write('u'.repeat(2000)),
      (url) => failureOf(url, 5000),
    ),
    /longer than 1024 bytes/,
  );
  assert.match(
    await withRaw(
      (socket) => void socket.end('secret\n'),
      (url) => failureOf(url, 5000),
    ),
    /: the line has no word of the protocol$/,
  );
  assert.match(
    await withRaw(
      (socket) => void socket.end(),
      (url) => failureOf(url, 5000),
    ),
    /no word of the protocol/,
  );
  assert.match(await failureOf(`agent-check://127.0.0.1:${await freePort()}`, 5000), /ECONNREFUSED/);
});

test('the server sends its line to every client, whatever it sends, and keeps no connection open', async () => {
  await withCheck({ line: 'up 63%' }, async ({ port }) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    let isClosed = false;
    socket.on('data', (part) => {
      text += String(part);
    });
    socket
      .on('error', () => undefined)
      .on('close', () => {
        isClosed = true;
      });
    const pour = setInterval(() => socket.write('x'.repeat(1000)), 20);
    await until(() => isClosed, { what: 'the connection to be closed' });
    clearInterval(pour);
    assert.is(text, 'up 63%\n');
  });
});

test('a taken port is reported as such', async () => {
  await withCheck({ line: 'up' }, async ({ port }) => {
    const error = await openAgentCheckServer(port, '127.0.0.1', () => 'up').then(
      () => null,
      (thrown: Error & { code?: string }) => thrown,
    );
    assert.equal(
      [error?.code, error?.message],
      ['MEERCAT_PORT_TAKEN', `port ${port} on 127.0.0.1 is taken: choose another with --listen-agent-check`],
    );
  });
});

/** A running agent, with its log lines. */
async function withAgent<T>(options: Partial<AgentConfig>, fn: (agent: Agent, lines: readonly string[]) => Promise<T>): Promise<T> {
  const lines: string[] = [];
  const agent = await startAgent(
    {
      redis: NO_REDIS,
      namespace: 'meercat',
      name: 'h',
      url: 'http://127.0.0.1:3000',
      pools: ['default'],
      intervalMs: 100,
      probe: 'machine',
      onGone: () => undefined,
      ...options,
    },
    (_level, message, fields = {}) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  );
  try {
    return await fn(agent, lines);
  } finally {
    await agent.stop();
  }
}

/** The agent-check port, from an agent's log. */
const portIn = (lines: readonly string[]): number => Number(/answered .*:(\d+)"/.exec(lines.join('\n'))?.[1]);

test('an agent without Redis answers with its own figures, and on stopping once more that its host leaves', () =>
  withAgent({ agentCheck: { port: 0, bind: '127.0.0.1' } }, async (agent, lines) => {
    const probe = await openProbe(`agent-check://127.0.0.1:${portIn(lines)}`, { timeoutMs: 5000 });
    await until(async () => (await probe.read()).cpu !== null, { timeoutMs: 10_000, what: 'a weight' });
    assert.is((await probe.read()).isOut, false);
    let isStopped = false;
    const stopped = agent.stop().then(() => {
      isStopped = true;
    });
    assert.is(isStopped, false);
    assert.is((await probe.read()).isOut, true);
    await stopped;
    assert.match(
      await probe.read().then(
        () => 'none',
        (error: Error) => error.message,
      ),
      /ECONNREFUSED/,
    );
    probe.close();
  }));

test('an agent relays another agent’s figures, and its drain as a goodbye', () =>
  withRedis(async (redis) => {
    const heard: Record<string, unknown>[] = [];
    const said = { line: 'up 75%' };
    const onMessage = (_channel: string, text: string): void => void heard.push(JSON.parse(text) as Record<string, unknown>);
    await withCheck(said, ({ port }) =>
      withAgent({ redis: redis.url, probe: `agent-check://127.0.0.1:${port}`, coresLimit: 2 }, () =>
        withListener(redis.url, ['meercat:reports'], onMessage, async () => {
          const next = async (): Promise<unknown[]> => {
            heard.length = 0;
            // The first one may have been under way.
            const [, report] = await until(() => heard.length >= 2 && heard, { timeoutMs: 10_000, what: 'two reports' });
            return [report?.['cpu'], report?.['cores'], report?.['bye'] ?? false];
          };
          assert.equal(await next(), [0.25, 2, false]);
          said.line = 'drain';
          assert.equal(await next(), [0.25, 2, true]);
          said.line = 'ready 50%';
          assert.equal(await next(), [0.5, 2, false]);
        }),
      ),
    );
  }));

/** A server's line in HAProxy's statistics, by column. */
function statistics(socketPath: string): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(socketPath, function ask(this: Socket) {
      this.write('show stat\n');
    })
      .on('data', (part) => {
        text += String(part);
      })
      .on('error', reject)
      .on('close', () => {
        const [names = '', ...rows] = text.split('\n');
        const row = rows.map((each) => each.split(',')).find(([, name]) => name === 's1') ?? [];
        resolve(
          Object.fromEntries(
            names
              .replace(/^# /, '')
              .split(',')
              .map((name, i) => [name, row[i] ?? '']),
          ),
        );
      });
  });
}

test('HAProxy follows the weight, the drain, the stop and the return of a host', async () => {
  // Skipped without an installed HAProxy.
  const haproxy = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/opt/homebrew/bin/haproxy'].find((path) => existsSync(path));
  if (haproxy === undefined) return;
  const said = { line: serveLine({ cpu: 0.37, memory: 0.5 }) };
  await withServer(
    (_request, response) => void response.end('ok'),
    (host) =>
      withTempDir((folder) =>
        withCheck(said, async ({ port }) => {
          const socketPath = join(folder, 'stats');
          const front = await freePort();
          writeFileSync(
            join(folder, 'haproxy.cfg'),
            `
global
  stats socket ${socketPath} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
listen l
  bind 127.0.0.1:${front}
  server s1 127.0.0.1:${host.port} weight 100 check inter 100ms agent-check agent-addr 127.0.0.1 agent-port ${port} agent-inter 100ms
`,
          );
          await withProcess({ command: haproxy, args: ['-db', '-f', join(folder, 'haproxy.cfg')] }, async () => {
            let last = '';
            const becomes = async (status: string, weight: string): Promise<void> => {
              await until(
                async () => {
                  const { status: now, weight: weighs } = await statistics(socketPath).catch(() => ({ status: 'none', weight: '' }));
                  last = `${now} ${weighs}`;
                  return last === `${status} ${weight}`;
                },
                { timeoutMs: 15_000, everyMs: 50, what: () => `${status} ${weight}; it is ${last}` },
              );
            };
            await becomes('UP', '63');
            assert.is(await (await fetch(`http://127.0.0.1:${front}`)).text(), 'ok');
            said.line = LEAVE_LINE;
            await becomes('UP', '0');
            assert.is((await fetch(`http://127.0.0.1:${front}`)).status, 503, 'no request for a host that leaves');
            said.line = serveLine({ cpu: 1, memory: 1 });
            await becomes('UP', '1');
            said.line = GONE_LINE;
            await becomes('DOWN (agent)', '1');
            said.line = serveLine({ cpu: 0, memory: 0 });
            await becomes('UP', '100');
          });
        }),
      ),
  );
});

test.run();
