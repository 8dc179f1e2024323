// The dashboard of a real fleet in a real browser: every panel has content, what happens is seen at once, and what is done
// there happens. With MEERCAT_SCREENSHOTS=DIR it leaves pictures (npm run screenshots).

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import type { BrowserPage, Viewport } from '../../support/browser.js';
import { type WatchedFleet, withWatchedFleet } from '../../support/watched-fleet.js';

const test = suite('dashboard of a fleet');

/** Where pictures go; usually nowhere. */
const PICTURES = process.env['MEERCAT_SCREENSHOTS'] ?? '';

/** How long the fleet has load before a picture is taken: the charts show as much. */
const PICTURE_LOAD_MS = 120_000;

/** What the browser itself says when a stream or an act is refused or cut, as these tests have it. */
const EXPECTED = /Failed to load resource|net::ERR_/;

const countOf = (page: BrowserPage, selector: string): Promise<number> =>
  page.evaluate(`document.querySelectorAll(${JSON.stringify(selector)}).length`);

test('every panel of a real fleet has content; an election, an ejection and a drain are seen; without the token nothing is done', () =>
  withWatchedFleet(async (watched) => {
    const { page } = watched;
    await everyPanel(page);
    if (PICTURES !== '') await takePictures(page);
    await refusedWithoutToken(watched);
    await drained(page);
    await ejected(watched);
    await elected(watched);
    assert.equal(
      page.complaints.filter((complaint) => !EXPECTED.test(complaint)),
      [],
    );
    for (const address of page.requests) assert.ok(address.startsWith(watched.url), address);
  }));

async function everyPanel(page: BrowserPage): Promise<void> {
  const rows: readonly (readonly [string, number])[] = [
    ['#balancers tr', 3],
    ['#pool-0-hosts tr', 6],
    ['#slowest tr', 5],
    ['#costs tr', 2],
    ['#events tr', 1],
  ];
  for (const [selector, least] of rows)
    await until(async () => (await countOf(page, selector)) >= least, { what: `${selector}, ${least} times` });
  for (const selector of ['#balancers tr.master', '#pool-0-hosts svg.bar', '#pool-0-hosts svg.spark path[d^=M]']) {
    await until(async () => (await countOf(page, selector)) > 0, { what: selector });
  }
  for (const id of ['total-rps', 'total-p50', 'total-p99', 'total-p999']) {
    await until(async () => /^\d/.test(await page.textOf(`#${id}`)), { what: `a figure in ${id}` });
  }
  await until(async () => /fair share/.test(await page.textOf('#picks-said')), { what: 'the matrix of picks' });
  await until(async () => /^p50 [\d.]+ m?s/.test(await page.textOf('#latency-said')), { what: 'a point in the charts' });
  await page.click('#slowest .why-button');
  await until(async () => (await page.textOf('dialog pre')).length > 40, { what: 'why a request went to its host' });
  await page.press('Escape');
}

async function refusedWithoutToken({ page, url }: WatchedFleet): Promise<void> {
  const statusOf = (headers: string): Promise<number> =>
    page.evaluate(
      `fetch(${JSON.stringify(`${url}act`)}, { method: 'POST', headers: ${headers}, body: '{"act":"drain","target":"h1"}' }).then(({ status }) => status)`,
    );
  assert.is(await statusOf(`{ 'Content-Type': 'application/json' }`), 401);
  assert.is(await statusOf(`{ 'Content-Type': 'application/json', Authorization: 'Bearer wrong' }`), 401);
  assert.is(await countOf(page, '#pool-0-hosts tr.off'), 0);
}

async function drained(page: BrowserPage): Promise<void> {
  await page.click('button[data-host="h1"]');
  await page.click('dialog .start button:first-child');
  await until(async () => (await countOf(page, 'dialog .effects tr')) === 5, { what: 'the preview for the five others' });
  if ((await countOf(page, 'dialog input[type=checkbox]')) > 0) await page.click('dialog input[type=checkbox]');
  await page.click('dialog .row:last-child button:last-child:enabled');
  await until(async () => /done/.test(await page.textOf('#dialog-title')), { what: 'the act' });
  await page.press('Escape');
  await until(async () => /drained/.test(await page.textOf('#pool-0-hosts tr[data-key="h1"] .state')), {
    what: 'h1 to be shown as drained',
  });
  await until(async () => /h1 was drained by console of b\d from 127\.0\.0\.1/.test(await page.textOf('#events')), { what: 'who did it' });
}

async function ejected({ page, stopOwnHost, startOwnHost }: WatchedFleet): Promise<void> {
  const state = '#pool-0-hosts tr[data-key="own"] .state';
  stopOwnHost();
  await until(async () => /ejected by \d of 3/.test(await page.textOf(state)), { what: 'the ejection to be shown', timeoutMs: 60_000 });
  await until(async () => /own/.test(await page.textOf('#events tr')), { what: 'the ejection among the events' });
  await startOwnHost();
  await until(async () => (await page.textOf(state)) === 'up', { what: 'the host to be back', timeoutMs: 60_000 });
}

async function elected({ fleet, page }: WatchedFleet): Promise<void> {
  const master = await page.evaluate<string>('document.querySelector("#balancers tr.master").dataset.key');
  const { pid } = await fleet.member(new RegExp(` balancer .*--name ${master}\\b`));
  process.kill(pid, 'SIGKILL');
  // It was perhaps the one that the page asks: then the stream comes back with it.
  const elections = '#events tr';
  await until(
    async () =>
      /is master/.test(await page.textOf(elections)) ||
      (await page.evaluate<boolean>(`document.querySelector("#balancers tr.master")?.dataset.key !== ${JSON.stringify(master)}`)),
    { what: 'another master to be shown', timeoutMs: 60_000 },
  );
}

/** The looks that the README and the docs show. */
const LOOKS: readonly (readonly [string, Viewport])[] = [
  ['dashboard.png', { width: 1280, height: 800 }],
  ['dashboard-dark.png', { width: 1280, height: 800, isDark: true }],
  ['dashboard-phone.png', { width: 390, height: 844, isMobile: true }],
];

async function takePictures(page: BrowserPage): Promise<void> {
  const started = performance.now();
  await until(() => performance.now() - started > PICTURE_LOAD_MS, {
    what: 'curves to show',
    timeoutMs: 2 * PICTURE_LOAD_MS,
    everyMs: 1000,
  });
  for (const [name, look] of LOOKS) {
    await page.look(look);
    await until(async () => (await page.evaluate<number>('document.documentElement.scrollWidth')) <= look.width, { what: name });
    await page.evaluate('scrollTo(0, 0); new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(1))))');
    await writeFile(join(PICTURES, name), await page.screenshot());
  }
  await page.look({ width: 1280, height: 800 });
}

test.run();
