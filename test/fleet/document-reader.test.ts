// Documents are read beside the thread that asks: it goes on renewing its lease, however long that takes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDocumentReader } from '../../lib/fleet/document-reader.js';

const test = suite('document reader');

const largeDocument = (): string =>
  JSON.stringify({
    version: 1,
    routes: Array.from({ length: 5000 }, (_, i) => ({ match: { hosts: [`s${i}.test`], path: `/p${i}` }, to: 'default' })),
  });

test('the thread that asks has many turns meanwhile', async () => {
  const reader = createDocumentReader();
  let turns = 0;
  const settled = new AbortController();
  const reading = reader.read(largeDocument()).finally(() => settled.abort());
  // oxlint-disable-next-line no-await-in-loop -- turn by turn
  for (; !settled.signal.aborted; turns++) await new Promise((resolve) => setImmediate(resolve));
  const read = await reading;
  assert.is('site' in read && read.site.routes.length, 5000);
  assert.ok(turns > 100, `${turns} turns`);
  reader.close();
});

test('each document has its own answer; a reader that is closed answers what it owes, and reads again', async () => {
  const reader = createDocumentReader();
  const [good, bad] = await Promise.all([reader.read('version: 1'), reader.read('version: 99')]);
  assert.ok('site' in good);
  assert.match('problems' in bad ? (bad.problems[0]?.message ?? '') : '', /version 99/);
  const owed = reader.read(largeDocument());
  reader.close();
  const cut = await owed;
  assert.match('problems' in cut ? (cut.problems[0]?.message ?? '') : '', /the thread that reads it failed: it was stopped/);
  assert.ok('site' in (await reader.read('version: 1')));
  reader.close();
});

test.run();
