// The order of a rolling restart, with fake parts: the reported steps, the effect of a failure, and of a second request.
// restart.test.ts tests it with real processes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRollingRestart, type RollingPart, type RollingRestart } from '../../lib/up/rolling-restart.js';
import { until } from '../support/brackets.js';

const test = suite('rolling restart');

interface Stage {
  readonly rolling: RollingRestart;
  /** Events in order: steps as `kind name`, and the calls of the parts. */
  readonly heard: string[];
  readonly details: string[];
}

function stage(parts: readonly (Partial<RollingPart> & { readonly name: string })[]): Stage {
  const heard: string[] = [];
  const details: string[] = [];
  const all = parts.map(({ name, ...own }) => ({
    name,
    restart: async () => void heard.push(`${name} is restarted`),
    untilServing: async () => void heard.push(`${name} serves`),
    ...own,
  }));
  const rolling = createRollingRestart(all, ({ kind, name, detail }) => {
    heard.push(`${kind.replace('restart-', '')} ${name ?? 'all'}`);
    details.push(detail);
  });
  return { rolling, heard, details };
}

test('each part serves again before the next one is stopped', async () => {
  const { rolling, heard, details } = stage([{ name: 'b1' }, { name: 'b2' }]);
  rolling.request();
  await until(() => heard.includes('ended all'));
  assert.equal(heard, [
    'began all',
    'began b1',
    'b1 is restarted',
    'b1 serves',
    'ended b1',
    'began b2',
    'b2 is restarted',
    'b2 serves',
    'ended b2',
    'ended all',
  ]);
  assert.is(details[0], '2 balancers, one after the other');
  assert.match(details.at(-1) as string, /^2 balancers in \d+\.\d s$/);
  rolling.request();
  await until(() => heard.filter((line) => line === 'ended all').length === 2, { what: 'a second one, after the first' });
});

test('a part that does not come back ends the restart, and later parts are not touched', async () => {
  const { rolling, heard, details } = stage([
    { name: 'b1' },
    { name: 'b2', untilServing: () => Promise.reject(new Error('it does not serve')) },
    { name: 'b3' },
  ]);
  rolling.request();
  await until(() => heard.includes('failed all'));
  assert.equal(heard.slice(-3), ['b2 is restarted', 'failed b2', 'failed all']);
  assert.match(details.at(-1) as string, /^b2: it does not serve; those after it were left alone$/);
});

test('a request during a restart is answered, and changes nothing', async () => {
  let finish: () => void = () => undefined;
  const { rolling, heard, details } = stage([{ name: 'b1', untilServing: () => new Promise((resolve) => (finish = resolve)) }]);
  rolling.request();
  await until(() => heard.includes('b1 is restarted'));
  rolling.request();
  assert.is(heard.at(-1), 'began all');
  assert.match(details.at(-1) as string, /^ignored/);
  finish();
  await until(() => heard.includes('ended all'));
  assert.is(heard.filter((line) => line === 'b1 is restarted').length, 1);
});

test('after a stop, no further step starts or is reported', async () => {
  let finish: () => void = () => undefined;
  const { rolling, heard } = stage([{ name: 'b1', restart: () => new Promise((resolve) => (finish = resolve)) }, { name: 'b2' }]);
  rolling.request();
  rolling.stop();
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  rolling.request();
  assert.equal(heard, ['began all', 'began b1']);
});

test.run();
