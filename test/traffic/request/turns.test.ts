// Whose turn it is: the time that a client is slow to send or to read is neither work on the host nor evidence of its
// speed, the time that the host owes a byte is both, and streams and upgrades are neither. With a real balancer and host.

import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withRaw } from '../../support/http-client.js';
import { open, type TurnStage, withTurnStage } from '../../support/turn-stage.js';
import { until } from '../../support/until.js';

const test = suite('turns');

const NONE = { inflight: 0, awaited: 0, longLived: 0 };
const AWAITED = { inflight: 1, awaited: 1, longLived: 0 };
const WITH_CLIENT = { inflight: 1, awaited: 0, longLived: 0 };
const LONG_LIVED = { inflight: 1, awaited: 0, longLived: 1 };

/** How long clients and hosts hold requests up; what is asserted are differences of measured times. */
const HOLD_MS = 1000;

/** More than fits in the buffers of all connections on the way. */
const LONG = Buffer.alloc(32 << 20, 'long ');

/** Runs a request to its end; returns its duration as recorded, and as measured from outside. */
async function measure(stage: TurnStage, run: () => Promise<void>): Promise<{ readonly recordedMs: number; readonly wholeMs: number }> {
  const before = stage.durations();
  const startedMs = performance.now();
  await run();
  await stage.counts(NONE);
  const wholeMs = performance.now() - startedMs;
  const after = stage.durations();
  assert.is(after.served - before.served, 1, 'it is evidence');
  return { recordedMs: after.busyMs - before.busyMs, wholeMs };
}

/** Reads an answer to its end. */
async function readAll(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  answer.on('data', (part: Buffer) => (bytes += part.length));
  await new Promise((resolve, reject) => answer.on('end', resolve).on('error', reject));
  return bytes;
}

test('while a client does not read its answer, the request is no work on the host and its time is no evidence', () =>
  withTurnStage(
    (_request, response) => void response.end(LONG),
    async (stage) => {
      let heldMs = 0;
      const { recordedMs, wholeMs } = await measure(stage, async () => {
        const answer = await open(stage.each.port);
        await stage.counts(WITH_CLIENT);
        const heldAtMs = performance.now();
        await sleep(HOLD_MS);
        assert.equal(stage.counted(), WITH_CLIENT);
        heldMs = performance.now() - heldAtMs;
        assert.is(await readAll(answer), LONG.length);
      });
      assert.ok(recordedMs > 0 && recordedMs <= wholeMs - heldMs, `${recordedMs} of ${wholeMs} ms, ${heldMs} of them the client's`);
    },
  ));

for (const framing of ['Content-Length: 8', 'Transfer-Encoding: chunked']) {
  const part = (text: string): string => (framing.startsWith('C') ? text : `${text.length}\r\n${text}\r\n`);

  test(`while a client does not send its body, the request is no work on the host and its time is no evidence: ${framing}`, () =>
    withTurnStage(
      (incoming, response) => void incoming.resume().on('end', () => response.end('taken')),
      async (stage) => {
        let heldMs = 0;
        const { recordedMs, wholeMs } = await measure(stage, () =>
          withRaw(stage.each.port, async (raw) => {
            raw.send(`POST /up HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${part('half')}`);
            await stage.counts(WITH_CLIENT);
            const heldAtMs = performance.now();
            await sleep(HOLD_MS);
            heldMs = performance.now() - heldAtMs;
            raw.send(part('rest') + (framing.startsWith('C') ? '' : '0\r\n\r\n'));
            await raw.receives(/taken/);
          }),
        );
        assert.ok(recordedMs > 0 && recordedMs <= wholeMs - heldMs, `${recordedMs} of ${wholeMs} ms, ${heldMs} of them the client's`);
      },
    ));
}

test('while a host owes the first byte or the next one, the request is work on it and its time is evidence', () => {
  const answering: ServerResponse[] = [];
  return withTurnStage(
    (_request, response) => void answering.push(response),
    async (stage) => {
      let heldMs = 0;
      const { recordedMs } = await measure(stage, async () => {
        const asked = open(stage.each.port);
        const response = await until(() => answering.pop());
        for (const part of ['first', 'second']) {
          const heldAtMs = performance.now();
          await sleep(HOLD_MS / 2);
          assert.equal(stage.counted(), AWAITED);
          heldMs += performance.now() - heldAtMs;
          response.write(part);
        }
        response.end();
        await readAll(await asked);
      });
      assert.ok(recordedMs >= heldMs, `${recordedMs} ms, of which the host took ${heldMs}`);
    },
  );
});

test('while a host does not take a body, the request is work on it', () => {
  const taking: IncomingMessage[] = [];
  return withTurnStage(
    (incoming, response) => {
      taking.push(incoming.pause());
      incoming.on('end', () => response.end('taken'));
    },
    async (stage) => {
      const asked = request({ host: '127.0.0.1', port: stage.each.port, agent: false, method: 'POST', path: '/up' });
      const answered = new Promise<IncomingMessage>((resolve, reject) => asked.on('response', resolve).on('error', reject));
      asked.write(LONG);
      const incoming = await until(() => taking.pop());
      await stage.counts(AWAITED);
      await sleep(HOLD_MS / 2);
      assert.equal(stage.counted(), AWAITED, 'it is still the turn of the host, whose buffers are full');
      incoming.resume();
      await stage.counts(WITH_CLIENT);
      asked.end();
      await readAll(await answered);
      await stage.counts(NONE);
    },
  );
});

for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8', 'multipart/x-mixed-replace;boundary=x']) {
  test(`an answer of the type ${type} is long-lived from its head on, and no evidence`, () =>
    withTurnStage(
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': type });
        response.write('data: 1\n\n');
      },
      async (stage) => {
        const before = stage.durations();
        const answer = await open(stage.each.port);
        assert.equal(stage.counted(), LONG_LIVED);
        assert.is(stage.columns.work[stage.slot], 0);
        answer.destroy();
        await stage.counts(NONE);
        assert.equal(stage.durations(), before);
      },
    ));
}

test('an event stream that its host ends is no evidence either', () =>
  withTurnStage(
    (_request, response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('data: 1\n\n'),
    async (stage) => {
      const before = stage.durations();
      await readAll(await open(stage.each.port));
      await stage.counts(NONE);
      assert.equal(stage.durations(), before);
    },
  ));

test('a retry on a new connection counts once', () => {
  let requests = 0;
  return withTurnStage(
    (incoming, response) => {
      // The first one comes on the kept connection of the short requests, which ends here.
      if (requests++ === 0) incoming.socket.destroy();
      else response.end('fine');
    },
    async (stage) => {
      await measure(stage, async () => void (await readAll(await open(stage.each.port))));
      assert.ok(requests >= 2);
      assert.equal([stage.columns.startSum[stage.slot], stage.columns.work[stage.slot]], [0, 0]);
    },
  );
});

test.run();
