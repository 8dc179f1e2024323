// The addresses behind a host's name: refreshed periodically, kept when a lookup fails, and the order in which
// connections try them. Lookups and time are simulated.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Address, HostAddresses } from '../../lib/health/host-addresses.js';

const test = suite('host addresses');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const at = (...addresses: readonly string[]): Address[] => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** A name whose lookups end as the test says: addresses or an error; undefined leaves the lookup pending. */
function open(...answers: readonly (readonly Address[] | Error | undefined)[]) {
  const stage = { nowMs: 1000, lookups: [] as number[], changes: [] as string[], failures: [] as string[] };
  const left = [...answers];
  const end: { resolve?: (found: readonly Address[]) => void } = {};
  const addresses = new HostAddresses(
    'app.internal',
    (name) => {
      assert.is(name, 'app.internal');
      stage.lookups.push(stage.nowMs);
      const answer = left.length > 1 ? left.shift() : left[0];
      if (answer instanceof Error) return Promise.reject(answer);
      return answer === undefined ? new Promise((resolve) => (end.resolve = resolve)) : Promise.resolve(answer);
    },
    () => stage.nowMs,
    {
      onChange: (found) => void stage.changes.push(found.join(' ')),
      onFailure: (error, isFirst) => void stage.failures.push(`${error.message}${isFirst ? '' : ' again'}`),
    },
  );
  return {
    ...stage,
    addresses,
    end,
    stage,
    order: () =>
      addresses
        .inOrder()
        .map(({ address }) => address)
        .join(' '),
    /** Refreshes four times a second until then. */
    async run(untilMs: number): Promise<void> {
      while (stage.nowMs < untilMs) {
        stage.nowMs += 250;
        addresses.refresh(stage.nowMs);
        await turn();
      }
    },
    /** The result for a socket that asks now. */
    ask: (isAll = true) =>
      new Promise<unknown>((resolve) =>
        addresses.lookup('app.internal', { all: isAll }, (error, found, family) =>
          resolve(error === null ? (isAll ? found : [found, family]) : error.message),
        ),
      ),
  };
}

test('a name is looked up at once and then at least every 30 s, and changes are reported', async () => {
  const { run, stage, order } = open(
    at('10.0.0.1'),
    at('10.0.0.1'),
    at('10.0.0.2', '10.0.0.1'),
    at('10.0.0.1', '10.0.0.2'),
    at('10.0.0.2'),
  );
  await run(100_000);
  const pauses = stage.lookups.slice(1).map((ms, i) => ms - (stage.lookups[i] as number));
  assert.ok(stage.lookups.length >= 4 && pauses.every((ms) => ms <= 30_000 && ms >= 5000), stage.lookups.join());
  assert.equal(stage.changes, ['10.0.0.2 10.0.0.1', '10.0.0.2'], 'another order is no change');
  assert.is(order(), '10.0.0.2');
});

test('a lookup that fails or finds nothing changes nothing, and the first failure in a row is marked', async () => {
  const { run, stage, order, addresses } = open(at('10.0.0.1'), new Error('SERVFAIL'), [], at('10.0.0.1'), new Error('ENOTFOUND'));
  await run(80_000);
  assert.equal(stage.failures.slice(0, 3), ['SERVFAIL', 'no address of app.internal again', 'ENOTFOUND']);
  assert.equal([order(), stage.changes, addresses.isCurrent('10.0.0.1')], ['10.0.0.1', [], true]);
});

test('while no address is known the name is looked up every second, and sockets get the reason', async () => {
  const { run, stage, ask } = open(new Error('ENOTFOUND'), new Error('ENOTFOUND'), new Error('ENOTFOUND'), at('10.0.0.1'));
  await turn();
  assert.is(await ask(), 'ENOTFOUND');
  await run(4500);
  assert.is(stage.lookups.length, 4);
  assert.equal(await ask(), at('10.0.0.1'));
});

test('only one lookup runs at a time, and sockets that ask before the first has ended wait for it', async () => {
  const { run, stage, ask, end } = open(undefined);
  const answers = Promise.all([ask(), ask(false)]);
  await run(60_000);
  assert.is(stage.lookups.length, 1);
  end.resolve?.(at('::1', '10.0.0.1'));
  assert.equal(await answers, [at('::1', '10.0.0.1'), ['10.0.0.1', 4]]);
});

test('once addresses are known no socket waits for a lookup', async () => {
  const { run, ask, stage } = open(at('10.0.0.1'), undefined);
  await run(60_000);
  assert.is(stage.lookups.length, 2);
  assert.equal(await ask(), at('10.0.0.1'));
});

test('connections start with each address in turn', async () => {
  const { order } = open(at('a', 'b', 'c'));
  await turn();
  assert.equal([order(), order(), order(), order()], ['a b c', 'b c a', 'c a b', 'a b c']);
});

test('an address that does not answer is tried last for a while; then one connection tries it again', async () => {
  const { order, addresses, stage } = open(at('a', 'b', 'c'));
  await turn();
  addresses.onFailed('b');
  assert.equal([order(), order(), order()], ['a c b', 'c a b', 'c a b']);
  stage.nowMs += 10_000;
  assert.equal([order(), order(), order(), order()], ['a b c', 'c a b', 'c a b', 'a c b'], 'tried second, by one');
  addresses.onConnected('b');
  assert.equal([order(), order(), order()], ['b c a', 'c a b', 'a b c']);
});

test('when no address answers, the name is looked up soon, and all are still tried', async () => {
  const { run, order, addresses, stage } = open(at('a', 'b'));
  await run(4000);
  for (const each of ['a', 'b']) addresses.onFailed(each);
  addresses.onNoneAnswered();
  assert.equal(order().split(' ').toSorted(), ['a', 'b']);
  await run(4500);
  assert.is(stage.lookups.length, 2);
  for (let i = 0; i < 20; i++) addresses.onNoneAnswered();
  await run(5000);
  assert.is(stage.lookups.length, 2, 'not more often than once a second');
});

test('a failing address that is found again is still tried last, and forgotten when it is not found', async () => {
  const { run, order, addresses } = open(at('a', 'b'), at('b', 'a'), at('a', 'c'));
  await run(15_500);
  addresses.onFailed('b');
  await run(16_250);
  assert.equal([order(), order()], ['a b', 'a b']);
  await run(32_000);
  assert.equal([addresses.isCurrent('b'), addresses.isCurrent('c')], [false, true]);
});

test('answers with duplicates, zones, or very many addresses are handled within bounds', async () => {
  const many = Array.from({ length: 500 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const one = open(at('a', 'a', 'fe80::1%eth0'));
  const two = open(at(...many));
  await turn();
  assert.equal([one.addresses.count, one.addresses.isCurrent('fe80::1'), two.addresses.count], [2, true, 16]);
});

test('a host given by IP address needs no lookup', () => {
  const never = (): never => {
    throw new Error('looked up');
  };
  for (const url of ['http://127.0.0.1:80', 'http://[::1]:80', 'https://10.1.2.3'])
    assert.is(
      HostAddresses.of(new URL(url), never, () => 0),
      undefined,
    );
});

test.run();
