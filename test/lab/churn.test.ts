// The parts of `meercat bench churn`: the mix of requests, and a client that recognizes complete responses.

import { createServer, type Server } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTIONS, emptyTally, type Tally } from '../../lib/lab/churn-actions.js';
import { ChurnConnection } from '../../lib/lab/churn-connection.js';
import { type ActionName, bodyFor, drawAction, drawSize, MAX_BODY_BYTES, MIX } from '../../lib/lab/churn-mix.js';
import { Random } from '../../lib/routing/random.js';
import { isWithin } from '../support/bench.js';

const test = suite('bench churn');

test('the mix adds up to 100 %, and the same seed draws the same actions', () => {
  assert.is(
    MIX.reduce((sum, [, percent]) => sum + percent, 0),
    100,
  );
  const [one, same] = [new Random(5), new Random(5)];
  const counts = new Map<ActionName, number>();
  for (let i = 0; i < 20_000; i++) {
    const name = drawAction(one);
    assert.is(drawAction(same), name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  // 20,000 draws: each share within a sixth of what it should be, or half a percent.
  for (const [name, percent] of MIX)
    isWithin((counts.get(name) ?? 0) / 200, percent - Math.max(percent / 6, 0.5), percent + Math.max(percent / 6, 0.5), name);
  for (let i = 0; i < 1000; i++) isWithin(drawSize(one), 0, MAX_BODY_BYTES, 'size');
});

/** Serves these bytes to each client, then ends the connection in this way. */
async function withAnswer<T>(bytes: string, ending: 'keeps' | 'ends' | 'resets', fn: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(bytes, () => {
        if (ending === 'ends') socket.end();
        if (ending === 'resets') setTimeout(() => socket.resetAndDestroy(), 10);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await fn((server.address() as { port: number }).port);
  } finally {
    server.close();
  }
}

/** The tally of an action that receives these bytes. */
async function tallyOf(action: ActionName, bytes: string, ending: 'keeps' | 'ends' | 'resets'): Promise<Tally> {
  return withAnswer(bytes, ending, async (port) => {
    const connection = await ChurnConnection.open(port);
    assert.ok(connection !== null);
    const tally = emptyTally();
    await ACTIONS[action]({ connection, port, random: new Random(1), id: 'r1', tally });
    connection.leave();
    return tally;
  });
}

test('a right response is recognized in every framing, and a wrong one is not accepted', async () => {
  const size = drawSize(new Random(1));
  const body = bodyFor('r1', size).toString();
  const ok = 'HTTP/1.1 200 OK\r\n';
  for (const [bytes, ending, field] of [
    [`${ok}Content-Length: ${size}\r\n\r\n${body}`, 'keeps', 'right'],
    [`${ok}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`, 'keeps', 'right'],
    [`${ok}Connection: close\r\n\r\n${body}`, 'ends', 'right'],
    [`${ok}Connection: close\r\n\r\n${body}`, 'resets', 'wrong'],
    [`${ok}Content-Length: ${size}\r\n\r\n${'x'.repeat(size)}`, 'keeps', 'wrong'],
    [`${ok}Content-Length: ${size + 1}\r\n\r\n${body}`, 'ends', 'wrong'],
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'keeps', 'wrong'],
    ['HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\nMEERCAT_', 'keeps', 'refused'],
    ['HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nother', 'keeps', 'wrong'],
    ['', 'resets', 'unanswered'],
  ] as const) {
    const tally = await tallyOf('get', bytes, ending);
    assert.equal(
      { ...tally, examples: [] },
      { ...emptyTally(), requests: 1, [field]: 1 },
      `${bytes.slice(0, 60)}, ${ending}: ${tally.examples.join()}`,
    );
  }
});

test('a response truncated by its host must not look complete', async () => {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${MAX_BODY_BYTES}\r\n\r\n`;
  assert.is((await tallyOf('host-cuts', `${head}half`, 'resets')).right, 1);
  assert.is((await tallyOf('host-cuts', `${head}half`, 'ends')).right, 1);
  assert.is((await tallyOf('host-cuts', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf', 'ends')).wrong, 1);
  assert.is((await tallyOf('host-cuts', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf', 'keeps')).wrong, 1);
});

test.run();
