// The health pages on a real socket: what live, ready and health answer for each way a balancer can stand; and the
// verdict alone, by a table.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEALTH_PATHS, healthPages, type HealthFacts } from '../../lib/console/health.js';
import { type ReadinessFacts, readinessOf, type ReadyReason } from '../../lib/console/readiness.js';
import { startConsole } from '../../lib/console/server.js';
import { ask } from '../support/http-client.js';

const test = suite('health pages');

const READY: ReadinessFacts = {
  isStopping: false,
  waitingFor: '',
  hosts: 3,
  hostsTakenOut: 0,
  hasCandidate: true,
  isPanic: false,
  hostsWell: 3,
};
const SERVING: HealthFacts = {
  ...READY,
  name: 'b1',
  role: 'slave',
  term: 4,
  table: { term: 4, mastership: '0ea0a33cd8fb', seq: 17 },
  inflight: 2,
};

interface Page {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Hands out the three pages of a balancer that stands as `read` says at that moment. */
async function withPages(
  read: () => HealthFacts,
  fn: (page: (name: keyof typeof HEALTH_PATHS, method?: string) => Promise<Page>) => Promise<void>,
): Promise<void> {
  const console = await startConsole({ port: 0, bind: '127.0.0.1', token: '', pages: healthPages(read) });
  try {
    await fn(async (name, method = 'GET') => {
      const { status, body } = await ask(console.port, { path: `${HEALTH_PATHS[name]}?verbose=1`, method });
      return { status, body: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>) };
    });
  } finally {
    console.close();
  }
}

const CASES: readonly (readonly [reason: ReadyReason, isReady: boolean, facts: Partial<ReadinessFacts>])[] = [
  ['ready', true, {}],
  ['ready', true, { hostsTakenOut: 2 }],
  ['panic', true, { isPanic: true, hostsWell: 1 }],
  ['all-down', false, { isPanic: true, hostsWell: 0 }],
  ['starting', false, { waitingFor: 'the name' }],
  ['starting', false, { waitingFor: 'the name', hosts: 0, hasCandidate: false }],
  ['stopping', false, { isStopping: true }],
  ['stopping', false, { isStopping: true, waitingFor: 'the name' }],
  ['stopping', false, { isStopping: true, isPanic: true }],
  ['no-hosts', false, { hosts: 0, hasCandidate: false }],
  ['all-taken-out', false, { hostsTakenOut: 3, hasCandidate: false }],
  // A panic that was never taken back, and no host any more.
  ['all-taken-out', false, { hostsTakenOut: 3, hasCandidate: false, isPanic: true }],
  ['hosts-pending', false, { hasCandidate: false }],
  ['hosts-pending', false, { hasCandidate: false, hostsTakenOut: 2 }],
];

test('a balancer is ready when a request could be served now, and says why when it is not', () => {
  for (const [reason, isReady, facts] of CASES) {
    const verdict = readinessOf({ ...READY, ...facts });
    assert.equal([verdict.reason, verdict.isReady], [reason, isReady], JSON.stringify(facts));
    assert.match(verdict.message, /^[a-z].{10,}$/);
  }
  assert.match(readinessOf({ ...READY, waitingFor: 'the name is being checked' }).message, /the name is being checked$/);
});

test('live answers 200 whatever else is the matter, and says what the balancer does', async () => {
  for (const [facts, reason] of [
    [{}, 'serving'],
    [{ isStopping: true }, 'stopping'],
    [{ waitingFor: 'x' }, 'starting'],
    [{ hosts: 0, hasCandidate: false }, 'serving'],
  ] as const) {
    await withPages(
      () => ({ ...SERVING, ...facts }),
      async (page) => {
        assert.equal(await page('live'), { status: 200, body: { status: 'live', reason, message: 'the process answers' } });
      },
    );
  }
});

test('ready and health have one status, and it follows the balancer from one request to the next', () => {
  let facts: Partial<ReadinessFacts> = {};
  return withPages(
    () => ({ ...SERVING, ...facts }),
    async (page) => {
      for (const [reason, isReady, each] of CASES) {
        facts = each;
        const [ready, health] = [await page('ready'), await page('health')];
        assert.equal([ready.status, health.status], isReady ? [200, 200] : [503, 503], JSON.stringify(each));
        assert.equal(
          [ready.body['status'], ready.body['reason'], health.body['reason']],
          [isReady ? 'ready' : 'not-ready', reason, reason],
        );
      }
    },
  );
});

test('health says how the balancer stands, in the fields that it always had', () =>
  withPages(
    () => SERVING,
    async (page) => {
      const { message, ...body } = (await page('health')).body;
      assert.equal(body, {
        status: 'serving',
        reason: 'ready',
        name: 'b1',
        role: 'slave',
        term: 4,
        table: SERVING.table,
        hosts: 3,
        inflight: 2,
      });
      assert.type(message, 'string');
    },
  ));

test('HEAD gets the same status without a body', () =>
  withPages(
    () => ({ ...SERVING, isStopping: true }),
    async (page) => {
      assert.equal(
        [await page('live', 'HEAD'), await page('ready', 'HEAD'), await page('health', 'HEAD')],
        [
          { status: 200, body: {} },
          { status: 503, body: {} },
          { status: 503, body: {} },
        ],
      );
    },
  ));

test.run();
