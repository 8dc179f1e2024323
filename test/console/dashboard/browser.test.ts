// The dashboard in a real browser, on overviews that the tests make up. On a real fleet it is in fleet-page.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Overview } from '../../../lib/overview.js';
import { type BrowserPage, withBrowser } from '../../support/browser.js';
import { until } from '../../support/brackets.js';
import { type DashboardStage, type StageOptions, withDashboard } from '../../support/dashboard-server.js';
import { overviewOf, START_MS } from '../../support/fleet-overviews.js';

const test = suite('dashboard in a browser');

const TOKEN = 'a-token-of-tests';
const SMALL = { hosts: 6, balancers: 3 };

/** Opens the page on a first overview; afterwards it must not have complained, nor asked any other origin. */
function withPage(
  first: Overview,
  options: StageOptions & { hash?: string },
  fn: (page: BrowserPage, stage: DashboardStage) => Promise<void>,
): Promise<void> {
  return withBrowser((page) =>
    withDashboard(first, options, async (stage) => {
      await page.look({ width: 1280, height: 800 });
      await page.goTo(`${stage.url}${options.hash ?? ''}`);
      await fn(page, stage);
      assert.equal(page.complaints, []);
      for (const address of page.requests) assert.ok(address.startsWith(stage.url), address);
    }),
  );
}

const isLive = (page: BrowserPage): Promise<boolean> => page.evaluate('document.body.dataset.stream === "live"');

/** The overview of another second in which b2 has become master. */
function afterElection(): Overview {
  const overview = overviewOf({ ...SMALL, second: 1 });
  return {
    ...overview,
    verdict: { level: 'warn', text: 'b1 is gone: b2 is master' },
    master: 'b2',
    term: 4,
    balancers: overview.balancers.slice(1).map((balancer, rank) => {
      const isMaster = rank === 0;
      return Object.assign({}, balancer, { rank, role: isMaster ? 'master' : 'slave', leaseMs: isMaster ? 1500 : null, term: 4 });
    }),
    events: [{ atMs: START_MS + 1000, kind: 'master-elected', name: 'b2', text: 'b2 is master, term 4' }, ...overview.events],
  };
}

test('every panel has content, and an election is seen in title, icon, balancers and events', () =>
  withPage(overviewOf(SMALL), {}, async (page, stage) => {
    await until(() => isLive(page), { what: 'the stream' });
    for (const id of ['balancers', 'pool-0-hosts', 'events', 'slowest', 'costs']) {
      assert.ok((await page.evaluate<number>(`document.querySelectorAll('#${id} tr').length`)) > 0, id);
    }
    // Something is drawn: not every pixel is the same.
    const colours = (selector: string): string =>
      `new Set(new Uint32Array((c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)(document.querySelector('${selector}')))).size`;
    for (const selector of ['#latency-chart canvas', '#rate-chart canvas', '#picks']) {
      await until(async () => (await page.evaluate<number>(colours(selector))) > 2, { what: `${selector} to be drawn` });
    }
    assert.match(await page.textOf('#latency-said'), /^p50 [\d.]+ msp99 [\d.]+ msp99\.9 [\d.]+ ms$/);
    assert.match(await page.textOf('#balancers tr.master'), /b1 master/);
    stage.show(afterElection());
    await until(async () => /b2 master/.test(await page.textOf('#balancers tr.master')), { what: 'b2 to be shown as master' });
    assert.is(await page.evaluate('document.title'), '! meercat: b1 is gone: b2 is master');
    assert.match(await page.evaluate<string>('document.querySelector("#icon").href'), /icon-warn\.svg$/);
    assert.match(await page.textOf('#events tr'), /b2 is master, term 4/);
    assert.equal(await page.evaluate('[...document.querySelectorAll("#balancers tr")].map(row => row.dataset.key)'), ['b2', 'b3']);
  }));

test('a stream that ends is said, and comes back by itself; a page that nobody sees has none', () =>
  withPage(overviewOf(SMALL), {}, async (page, stage) => {
    await until(() => isLive(page), { what: 'the stream' });
    stage.cut();
    await until(async () => /reconnecting/.test(await page.textOf('#connection')), { what: '"reconnecting"' });
    stage.show(overviewOf({ ...SMALL, second: 9 }, { verdict: { level: 'good', text: 'After the break' } }));
    await until(async () => (await isLive(page)) && /After the break/.test(await page.textOf('#verdict')), {
      what: 'the stream to be back',
    });
    assert.is(await page.evaluate('document.querySelectorAll("#pool-0-hosts tr").length'), SMALL.hosts);
    const hide = (isHidden: boolean): Promise<void> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${String(isHidden)} }); document.dispatchEvent(new Event('visibilitychange')); undefined`,
      );
    await hide(true);
    await until(async () => stage.streams === 0 && /paused/.test(await page.textOf('#connection')), { what: 'the stream to rest' });
    await hide(false);
    await until(async () => stage.streams === 1 && (await isLive(page)), { what: 'the stream to resume' });
    // The browser says itself that a stream was cut.
    page.complaints.splice(0);
  }));

test('without the token nothing can be done; a wrong one is refused, the right one shows the actions', () =>
  withPage(overviewOf(SMALL), { token: TOKEN }, async (page, stage) => {
    const buttons = (): Promise<number> =>
      page.evaluate('[...document.querySelectorAll(".hand-button")].filter(each => each.checkVisibility()).length');
    await until(() => isLive(page), { what: 'the stream' });
    assert.is(await buttons(), 0);
    await page.click('#token-button');
    await page.type('wrong');
    await page.press('Enter');
    await until(async () => /not the token/.test(await page.textOf('dialog .wrong')), { what: 'the refusal' });
    page.complaints.splice(0);
    await page.evaluate('document.querySelector("dialog input").value = ""; document.querySelector("dialog input").focus()');
    await page.type(TOKEN);
    await page.press('Enter');
    await until(async () => (await buttons()) === SMALL.hosts + 2, { what: 'the actions' });
    assert.equal(
      stage.acts.map(({ preview }) => preview),
      [true],
    );
    assert.not.ok((await page.evaluate<string>('document.documentElement.outerHTML')).includes(TOKEN));
  }));

test('a token behind the # is used, and taken out of the address', () =>
  withPage(overviewOf(SMALL), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    assert.is(await page.evaluate('location.hash'), '');
  }));

test('an act shows its preview first; what hurts takes a second step, and force comes only after a refusal', () => {
  const effects = [{ host: 'h2', loadBefore: 0.61, loadAfter: 0.74 }];
  const onAct: StageOptions['onAct'] = ({ preview, force }) => {
    if (preview) return { status: 200, body: { ok: true, text: 'h1 gets no new requests', effects, needsForce: true, isHurting: true } };
    if (!force) return { status: 409, body: { error: 'MEERCAT_LAST_HOST', message: 'the last host of its pool' } };
    return { status: 200, body: { ok: true, text: 'h1 is drained' } };
  };
  return withPage(overviewOf(SMALL), { token: TOKEN, onAct, hash: `#token=${TOKEN}` }, async (page, stage) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    stage.acts.splice(0);
    await page.click('button[data-host="h1"]');
    await page.click('dialog .start button');
    await until(async () => /61 %→74 %/.test(await page.textOf('dialog table')), { what: 'the preview' });
    assert.is(await page.evaluate('document.querySelector("dialog .danger").disabled'), true);
    await page.click('dialog input[type=checkbox]');
    await page.click('dialog .danger:enabled');
    await until(async () => /the last host of its pool/.test(await page.textOf('dialog .wrong')), { what: 'the refusal' });
    page.complaints.splice(0);
    assert.match(await page.textOf('dialog .danger'), /^Force: Drain h1$/);
    await page.click('dialog .danger');
    await until(async () => /h1 is drained/.test(await page.textOf('dialog')), { what: 'the act' });
    assert.equal(stage.acts, [
      { act: 'drain', target: 'h1', preview: true },
      { act: 'drain', target: 'h1' },
      { act: 'drain', target: 'h1', force: true },
    ]);
    await page.press('Escape');
    assert.is(await page.evaluate('document.activeElement.dataset.host'), 'h1', 'the focus is back');
  });
});

test('a click on a slow request shows why it went to its host', () =>
  withPage(overviewOf(SMALL), {}, async (page) => {
    await until(() => isLive(page), { what: 'the stream' });
    await page.click('#slowest .why-button');
    await until(async () => (await page.textOf('dialog pre')) === 'because of b1-000001', { what: 'the explanation' });
  }));

test('a console beyond loopback shows nothing before its token is given, and everything after', () =>
  withPage(overviewOf(SMALL), { token: TOKEN, isBeyondLoopback: true }, async (page) => {
    await until(() => page.evaluate('document.querySelector("dialog").open'), { what: 'the form' });
    assert.is(await page.evaluate('document.querySelectorAll("tbody tr").length'), 0);
    page.complaints.splice(0);
    await page.type(TOKEN);
    await page.press('Enter');
    await until(
      async () =>
        (await isLive(page)) && (await page.evaluate<number>('document.querySelectorAll("#pool-0-hosts tr").length')) === SMALL.hosts,
      { what: 'the fleet' },
    );
    page.complaints.splice(0);
  }));

test('keys: Tab reaches every control in order with a visible focus, ? opens the help, Escape closes it, letters go to panels', () =>
  withPage(overviewOf(SMALL), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    const reached: string[] = [];
    for (let step = 0; step < 12; step++) {
      await page.press('Tab');
      const [name, outline] = await page.evaluate<[string, string]>(
        '[document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]',
      );
      assert.is(outline, 'solid', name);
      reached.push(name);
    }
    assert.equal(reached.slice(0, 6), [
      'Skip to the fleet',
      'Fleet actions',
      'Lock',
      'Keyboard shortcuts and help',
      'Actions for pool default',
      'Actions for h1',
    ]);
    await page.press('?');
    await until(async () => /Keys and signs/.test(await page.textOf('dialog')), { what: 'the help' });
    await page.press('Escape');
    assert.is(await page.evaluate('document.querySelector("dialog").open'), false);
    await page.press('h');
    assert.is(await page.evaluate('document.activeElement.id'), 'hosts-panel-title');
  }));

test('a screen reader is told a name for every control and picture, a caption for every table, and one heading of the page', () =>
  withPage(overviewOf({ hosts: 120, balancers: 2 }), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    const nodes = await page.accessibleNodes();
    const named = new Set(['button', 'image', 'img', 'table', 'application', 'group', 'region', 'heading', 'navigation', 'link']);
    const found = nodes.filter(({ role }) => named.has(role));
    for (const { role, name } of found) assert.ok(name.trim().length > 0, `${role} without a name`);
    for (const role of ['button', 'table', 'application', 'heading', 'navigation', 'main', 'banner', 'columnheader', 'rowheader']) {
      assert.ok(
        nodes.some((node) => node.role === role),
        `no ${role}`,
      );
    }
    assert.is(await page.evaluate('document.querySelectorAll("h1").length'), 1);
    assert.equal(await page.evaluate('[...document.querySelectorAll("[aria-live]")].map(({ id }) => id)'), ['verdict']);
    assert.is(new Set(found.filter(({ role }) => role === 'table').map(({ name }) => name)).size, 5);
  }));

test('arrow keys choose a host of the heat grid, its figures are said, and Enter opens its actions', () =>
  withPage(overviewOf({ hosts: 120, balancers: 2 }), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    await page.evaluate('document.querySelector("#pool-0-grid").focus()');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await page.press(key);
    assert.match(await page.textOf('#pool-0-grid-said'), /^h52: up, [\d.]+ req\/s, \d+ in flight, CPU \d+ %, p99 \d+ ms$/);
    await page.press('Enter');
    assert.is(await page.textOf('#dialog-title'), 'Host h52');
  }));

test('rows keep their places while the focus is among them, and are put in order afterwards', () => {
  const worseFirst = (second: number, isReversed: boolean): Overview => {
    const overview = overviewOf({ ...SMALL, second });
    return {
      ...overview,
      pools: overview.pools.map((pool) => Object.assign({}, pool, { hosts: isReversed ? pool.hosts.toReversed() : pool.hosts })),
    };
  };
  const order = '[...document.querySelectorAll("#pool-0-hosts tr")].map(row => row.dataset.key).join("")';
  return withPage(worseFirst(0, false), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page, stage) => {
    await until(() => page.evaluate('document.body.dataset.mayAct === "true"'), { what: 'the actions' });
    await until(() => isLive(page), { what: 'the stream' });
    await page.evaluate('document.querySelector("button[data-host=h2]").focus()');
    stage.show({ ...worseFirst(1, true), verdict: { level: 'good', text: 'Reversed' } });
    await until(async () => /Reversed/.test(await page.textOf('#verdict')), { what: 'the delta' });
    assert.is(await page.evaluate(order), 'h1h2h3h4h5h6');
    await page.evaluate('document.activeElement.blur()');
    await until(async () => (await page.evaluate(order)) === 'h6h5h4h3h2h1', { what: 'the order' });
  });
});

test('the page fits a phone and a small window, in light and dark, with a contrast of 4.5 at least', () =>
  withPage(overviewOf(SMALL), { token: TOKEN, hash: `#token=${TOKEN}` }, async (page) => {
    await until(() => isLive(page), { what: 'the stream' });
    for (const isDark of [false, true]) {
      for (const [width, height] of [
        [390, 844],
        [1280, 800],
      ] as const) {
        await page.look({ width, height, isMobile: width < 500, isDark });
        const fits = async (): Promise<boolean> =>
          (await page.evaluate<number>(
            'Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll(".scroll")].map(each => innerWidth + each.scrollWidth - each.clientWidth))',
          )) <= width;
        await until(fits, { what: `nothing to be wider than ${width}` });
      }
      assert.ok((await page.evaluate<number>(LEAST_CONTRAST)) >= 4.5, `contrast, ${isDark ? 'dark' : 'light'}`);
    }
  }));

/** The least contrast (WCAG 2.2, 1.4.3) of the colours that text has on the page's grounds. */
const LEAST_CONTRAST = `(() => {
  const style = getComputedStyle(document.documentElement);
  const luminance = (name) => {
    const parts = style.getPropertyValue(name).trim().slice(1).match(/../g).map((hex) => Number.parseInt(hex, 16) / 255);
    const [r, g, b] = parts.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  const texts = ['--text', '--quiet', '--good', '--warn', '--bad', '--accent', '--p50', '--p99', '--p999', '--errors'];
  return Math.min(...texts.map((text) => contrast(text, '--panel')), contrast('--warn', '--warn-tint'), contrast('--bad', '--bad-tint'), contrast('--quiet', '--ground'));
})()`;

test.run();
