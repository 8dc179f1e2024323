// Bugs of our own: whichever call of an attempt throws, the attempt ends once, nothing stays in flight, the connection to
// the host is closed, and neither the process nor the next request notices.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { carryThrough } from '../../support/carried.js';
import { type Asking, CollectingClient, type Throwing } from '../../support/collecting-client.js';
import { hasHead } from '../../support/proxy.js';
import { withRawHost } from '../../support/raw-host.js';
import { buildTrafficStage, type TrafficStage } from '../../support/traffic-context.js';

const test = suite('own faults');

const EARLY = 'HTTP/1.1 103 Early Hints\r\n\r\n';
const WHOLE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Runs a request against a host that answers with this; returns how it ended. */
async function withStory(
  answer: string,
  isCut: boolean,
  fn: (stage: TrafficStage, tell: (asking: Asking) => Promise<string>) => Promise<void>,
): Promise<void> {
  await withRawHost(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      connection.socket.write(answer);
      if (isCut) setTimeout(() => connection.socket.end(), 20);
    },
    async ({ url, connections }) => {
      const stage = buildTrafficStage(() => performance.now(), { ejectAfter: 1000 });
      const policy = {
        algorithm: 'round-robin',
        pick: (_view: unknown, _nowMs: number, excluded: number) => (excluded === 0 ? -1 : 0),
      } as const;
      try {
        stage.hosts.add({ slot: 0, name: 'h', url });
        await fn(stage, async (asking) => {
          const opened = connections.length;
          const ended = await carryThrough({ ...stage.context, policy }, new CollectingClient(asking)).then(
            () => 'told',
            (error: unknown) => (error as Error).message,
          );
          assert.is(stage.inflight(), 0);
          assert.is(stage.columns.inflight[0], 0);
          assert.is((stage.hosts.get(0) as Host).attempts.length, 0);
          if (asking.throws !== undefined)
            await until(() => connections.slice(opened).every(({ isClosed }) => isClosed), {
              what: 'the end of the connection to the host',
            });
          return ended;
        });
      } finally {
        stage.stop();
      }
    },
  );
}

const CALLS: readonly (readonly [Throwing, Asking, answer: string, isCut: boolean])[] = [
  ['carry', {}, WHOLE, false],
  ['readBody', { method: 'POST', body: 'x' }, WHOLE, false],
  ['sendInformational', {}, EARLY + WHOLE, false],
  ['sendHead', {}, WHOLE, false],
  ['flush', {}, WHOLE.slice(0, -2), true],
  ['sendBody', {}, WHOLE, false],
  ['endAnswer', {}, WHOLE, false],
  ['endAnswer', {}, 'HTTP/1.1 200 OK\r\n\r\nok', true],
  ['answer', {}, 'no answer at all\r\n\r\n', false],
];

for (const [throws, asking, answer, isCut] of CALLS) {
  test(`a throw in ${throws} ends its request alone${isCut ? ', also at the end of a connection' : ''}`, () =>
    withStory(answer, isCut, async (stage, tell) => {
      assert.is(await tell({ ...asking, throws }), `${throws} fails`);
      const { hosts_reset: resets, hosts_bad_response: bad = 0 } = stage.counts();
      assert.equal([resets, bad], [undefined, throws === 'answer' ? 1 : 0], 'the host is not blamed');
      assert.is(await tell({}), 'told');
    }));
}

test('a throw while an answer is truncated leaves the outcome as the host caused it', () =>
  withStory(WHOLE.slice(0, -1), true, async (stage, tell) => {
    assert.is(await tell({ throws: 'breakOff' }), 'told');
    const { internal_errors: errors, hosts_reset: resets, requests_failed: failed } = stage.counts();
    assert.equal([errors, resets, failed], [1, 1, 1]);
  }));

test('a throw while a body is resumed ends its request alone', () =>
  withRawHost(
    () => undefined,
    async ({ url, connections }) => {
      const stage = buildTrafficStage(() => performance.now());
      try {
        stage.hosts.add({ slot: 0, name: 'h', url });
        const policy = { algorithm: 'round-robin', pick: () => 0 } as const;
        const client = new CollectingClient({ method: 'POST', body: 'x'.repeat(8 << 20), isBodyWhole: false, throws: 'resumeBody' });
        assert.is(
          await carryThrough({ ...stage.context, policy }, client).then(
            () => 'told',
            (error: unknown) => (error as Error).message,
          ),
          'resumeBody fails',
        );
        assert.is(stage.inflight(), 0);
        await until(() => connections[0]?.isClosed);
      } finally {
        stage.stop();
      }
    },
  ));

test.run();
