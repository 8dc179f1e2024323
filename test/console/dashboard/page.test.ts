// The dashboard's page as HTML: complete, without anything that a strict policy of content refuses, and with every text
// from outside escaped.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SECURITY_HEADERS } from '../../../lib/console/answers.js';
import { renderDelta } from '../../../lib/console/dashboard/delta.js';
import { dashboardFiles } from '../../../lib/console/dashboard/files.js';
import { renderPage, renderShell } from '../../../lib/console/dashboard/page.js';
import type { Overview, OverviewHost } from '../../../lib/overview.js';
import { hostOf, overviewOf, START_MS } from '../../support/fleet-overviews.js';

const test = suite('dashboard page');

const READ_ONLY = { mayAct: false, hasToken: false };
const HOSTILE = `"><img src=x onerror=alert(1)>'</script><!--&\u202e\u0007`;

/** An overview in which every text is hostile. */
function hostileOverview(): Overview {
  const overview = overviewOf({ hosts: 3, balancers: 2 });
  const hostile = <T>(value: T): T => {
    if (typeof value === 'string') return HOSTILE as T;
    if (Array.isArray(value)) return value.map(hostile) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hostile(each)])) as T;
  };
  const host = hostOf(0, 0, () => 0.5, { ejectedBy: [[HOSTILE, HOSTILE]], operator: null, state: 'up' });
  const pools = overview.pools.map((pool) => ({ ...hostile({ ...pool, hosts: [] }), hosts: [{ ...hostile(host), state: host.state }] }));
  return { ...hostile(overview), verdict: { level: 'bad', text: HOSTILE }, pools };
}

test('text from outside becomes neither an element nor an attribute, in the page and in a delta', () => {
  const hostile = hostileOverview();
  const whole = JSON.parse(renderDelta(undefined, hostile)) as { slots: [string, string][]; tables: { added: [string, string][] }[] };
  const pieces = [...whole.slots.map(([, html]) => html), ...whole.tables.flatMap(({ added }) => added.map(([, html]) => html))];
  assert.ok(pieces.length > 20);
  for (const text of [renderPage(hostile, READ_ONLY), ...pieces]) {
    assert.not.match(text, /<img|<\/script><!--|onerror=alert\(1\)>|\u202e/);
    // What is left of the text stands within quotes or between elements: no attribute of that name exists.
    for (const [tag] of text.matchAll(/<[a-z][^>]*>/g)) assert.not.match(tag.replace(/"[^"]*"/g, '""'), /onerror|src=x/);
  }
  assert.match(renderPage(hostile, READ_ONLY), /&quot;&gt;&lt;img src=x onerror=alert\(1\)&gt;&#39;/);
});

test('nothing in the page needs more than its policy allows', () => {
  for (const page of [renderPage(overviewOf({ hosts: 150, balancers: 2 }), READ_ONLY), renderShell()]) {
    assert.not.match(page, /<[^>]*\sstyle=|<style|\son[a-z]+="|javascript:/);
    assert.equal(
      [...page.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)].map(([, attributes, code]) => [attributes, code]),
      [[' type="module" src="/.meercat/dashboard.js"', '']],
    );
    for (const [, address] of page.matchAll(/\s(?:src|href)="([^"]*)"/g)) assert.match(address as string, /^(?:#|\/\.meercat\/)/);
  }
  assert.not.match(SECURITY_HEADERS['Content-Security-Policy'] ?? 'none: *', /unsafe|\*|https?:/);
});

test('every id of the page is there once, and every reference names one', () => {
  const page = renderPage(overviewOf({ hosts: 150, balancers: 2 }), { mayAct: true, hasToken: true });
  const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id as string);
  assert.is(new Set(ids).size, ids.length, ids.filter((id, place) => ids.indexOf(id) !== place).join());
  const references = [...page.matchAll(/\s(?:aria-labelledby|aria-describedby|href)="#?([\w-]+)"/g)].map(([, id]) => id as string);
  // The title of the dialog is written by the module.
  for (const id of new Set(references)) assert.ok(ids.includes(id) || id === 'dialog-title', id);
});

test('every slot and table of a delta has its place in the page', () => {
  const overview = overviewOf({ hosts: 150, balancers: 2 });
  const page = renderPage(overview, READ_ONLY);
  const { slots, tables, grids } = JSON.parse(renderDelta(undefined, overview)) as Record<string, { id?: string; 0?: string }[]>;
  const ids = [...(slots ?? []), ...(tables ?? []), ...(grids ?? [])].map((each) => each.id ?? each[0]);
  assert.ok(ids.length > 15);
  for (const id of ids) assert.ok(page.includes(` id="${id}"`), id);
});

test('the page says whether acts are possible, and the shell that a token is needed', () => {
  const overview = overviewOf({ hosts: 2, balancers: 1 });
  assert.match(
    renderPage(overview, READ_ONLY),
    /<body data-level="good" data-has-token="false" data-may-act="false" data-needs-token="false">/,
  );
  assert.match(renderPage(overview, { mayAct: true, hasToken: true }), /data-has-token="true" data-may-act="true"/);
  assert.match(renderShell(), /data-needs-token="true"/);
  assert.not.match(renderShell(), /default|h1<|b1/);
});

test('a pool of more than a hundred hosts has a grid of all and rows of the worst twenty', () => {
  const page = renderPage(overviewOf({ hosts: 101, balancers: 1 }), READ_ONLY);
  assert.is([...page.matchAll(/<rect class="heat-\w+" x=/g)].length, 101);
  assert.is([...page.matchAll(/data-host=/g)].length, 20);
  assert.not.match(renderPage(overviewOf({ hosts: 100, balancers: 1 }), READ_ONLY), /class="heat"/);
});

/** How hosts are, and what their rows say: class, and content of the column of states. */
const CONDITIONS: readonly (readonly [changes: Partial<OverviewHost>, mood: string, state: RegExp])[] = [
  [{}, 'good', /^<span title="">up</],
  [{ state: 'silent' }, 'warn', />silent</],
  [{ state: 'down' }, 'bad', />down</],
  [{ operator: 'drained' }, 'off', />drained</],
  [{ operator: 'drained', state: 'down' }, 'off', />drained, down</],
  [{ operator: 'ejected', ejectedBy: [['b1', 'resets']] }, 'off', />ejected</],
  [{ ejectedBy: [['b2', 'five resets']] }, 'bad', /title="b2: five resets">ejected by 1 of 2</],
  [{ ejectedBy: [['b1', 'x']], ejectedUntilMs: START_MS + 3400 }, 'bad', />ejected by 1 of 2, 4\.0 s</],
  [{ ejectedUntilMs: START_MS - 1 }, 'bad', />ejected by 1 of 2</],
];

for (const [changes, mood, state] of CONDITIONS) {
  test(`a host that is ${JSON.stringify(changes)} has a row that is ${mood}`, () => {
    const overview = overviewOf({ hosts: 1, balancers: 2 });
    const host = hostOf(0, 0, () => 0.5, changes);
    const page = renderPage({ ...overview, pools: overview.pools.map((pool) => Object.assign({}, pool, { hosts: [host] })) }, READ_ONLY);
    const [, found = '', cell = ''] = /<tr data-key="h1" class="(\w+)">.*?<td class="state">(.*?)<\/td>/.exec(page) ?? [];
    assert.is(found, mood);
    assert.match(cell, state);
  });
}

test('all files of the page are there, with their types', () => {
  const files = dashboardFiles();
  const byPath = new Map(files.map((each) => [each.path, each]));
  for (const name of ['dashboard.js', 'uplot.js']) assert.match(byPath.get(`/.meercat/${name}`)?.type ?? '', /^text\/javascript/);
  for (const name of ['dashboard.css', 'uplot.css']) assert.match(byPath.get(`/.meercat/${name}`)?.type ?? '', /^text\/css/);
  for (const level of ['good', 'warn', 'bad'])
    assert.match(byPath.get(`/.meercat/icon-${level}.svg`)?.content.toString() ?? '', /^<svg xmlns/);
  for (const { path, content } of files) assert.ok(content.length > 0, path);
  // Modules import each other by relative names: each must be among the files.
  for (const { type, content } of files.filter(({ path }) => !path.endsWith('uplot.js'))) {
    if (!type.startsWith('text/javascript')) continue;
    for (const [, name] of content.toString().matchAll(/from '([^']+)'/g)) assert.ok(byPath.has(`/.meercat/${name?.slice(2)}`), name);
  }
});

test.run();
