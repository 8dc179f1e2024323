// What an act would do to the other hosts, by tables: loads before and after, the last host, hosts whose figures are
// unknown; and which requests for acts are understood.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { previewAct } from '../../lib/console/act-preview.js';
import { decodeAct } from '../../lib/console/act-request.js';
import { type HostPreview, type PreviewHost, previewRemoval, previewReturn } from '../../lib/console/preview.js';
import { createTable, openTable } from '../../lib/table/layout.js';

const test = suite('console act previews');

function host(name: string, rest: Partial<PreviewHost> = {}): PreviewHost {
  return { name, isUsable: true, cpu: 0.61, cores: 4, capacity: 4, speed: 1, inflight: 2, ...rest };
}

/** Loads in percent, as people read them. */
function percents({ effects }: HostPreview): unknown[] {
  const percent = (load: number | null): number | null => (load === null ? null : Math.round(load * 100));
  return effects.map(({ host: name, loadBefore, loadAfter }) => [name, percent(loadBefore), percent(loadAfter)]);
}

const CASES: readonly { readonly what: string; readonly hosts: readonly PreviewHost[]; readonly becomes: readonly unknown[] }[] = [
  { what: 'of two equal hosts one takes all', hosts: [host('a', { cpu: 0.4 }), host('b', { cpu: 0.4 })], becomes: [['b', 40, 80]] },
  {
    what: 'of six equal hosts each takes a fifth',
    hosts: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => host(name)),
    becomes: ['b', 'c', 'd', 'e', 'f'].map((name) => [name, 61, 73]),
  },
  {
    what: 'a larger host takes more, and is as much busier',
    hosts: [
      host('a', { cpu: 0.5, cores: 4 }),
      host('b', { cpu: 0.2, cores: 2, capacity: 2 }),
      host('c', { cpu: 0.2, cores: 6, capacity: 6 }),
    ],
    becomes: [
      ['b', 20, 45],
      ['c', 20, 45],
    ],
  },
  {
    what: 'a host whose capacity is spent elsewhere takes less than its cores would',
    hosts: [host('a', { cpu: 0.4 }), host('b', { cpu: 0.2, cores: 4, capacity: 1 }), host('c', { cpu: 0.2, cores: 4, capacity: 3 })],
    becomes: [
      ['b', 20, 30],
      ['c', 20, 50],
    ],
  },
  {
    what: 'without capacities hosts count as equal',
    hosts: [host('a', { cpu: 0.5 }), host('b', { cpu: 0.2, capacity: null }), host('c', { cpu: 0.4, capacity: 9 })],
    becomes: [
      ['b', 20, 45],
      ['c', 40, 65],
    ],
  },
  {
    what: 'without an agent requests in flight are what counts',
    hosts: [
      host('a', { cpu: null, cores: null, capacity: 8, speed: 2, inflight: 2 }),
      host('b', { cpu: null, cores: null, capacity: 8, speed: 2, inflight: 1 }),
    ],
    becomes: [['b', 25, 75]],
  },
  {
    what: 'what is unknown is said to be',
    hosts: [host('a', { cpu: null, speed: null }), host('b'), host('c', { cpu: null, capacity: null })],
    becomes: [
      ['b', 61, null],
      ['c', null, null],
    ],
  },
  {
    what: 'hosts that are out take nothing',
    hosts: [host('a', { cpu: 0.3 }), host('b', { cpu: 0.3 }), host('c', { isUsable: false })],
    becomes: [['b', 30, 60]],
  },
  { what: 'a host that is out already changes nothing', hosts: [host('a', { isUsable: false }), host('b')], becomes: [] },
];

for (const { what, hosts, becomes } of CASES) {
  test(`taking out host a: ${what}`, () => assert.equal(percents(previewRemoval(hosts, 'a')), becomes));
}

test('no load is made or lost: what a host had is what the others get', () => {
  const hosts = [0.2, 0.9, 0.4, 0.55].map((cpu, index) => host(`h${index}`, { cpu, cores: 1 + index, capacity: 2 + index }));
  const busy = (name: string, load: number): number => load * (hosts.find((each) => each.name === name)?.cores ?? 0);
  const { effects } = previewRemoval(hosts, 'h1');
  const after = effects.reduce((sum, effect) => sum + busy(effect.host, effect.loadAfter ?? 0), 0);
  assert.ok(Math.abs(after - hosts.reduce((sum, { name, cpu }) => sum + busy(name, cpu ?? 0), 0)) < 1e-9);
  const back = previewReturn(
    hosts.map((each) => (each.name === 'h1' ? host('h1', { cpu: 0, cores: 2, capacity: 3, isUsable: false }) : each)),
    'h1',
  ).effects;
  const [before, returned] = [
    0.2 * 1 + 0.4 * 3 + 0.55 * 4,
    back.reduce((sum, effect) => sum + busy(effect.host, effect.loadAfter ?? 0), 0),
  ];
  assert.ok(Math.abs(returned - before) < 1e-9, `${returned} of ${before}`);
});

test('the last usable host of a pool is known as such', () => {
  for (const [hosts, isLast] of [
    [[host('a')], true],
    [[host('a'), host('b', { isUsable: false })], true],
    [[host('a'), host('b')], false],
    [[host('a', { isUsable: false })], false],
    [[], false],
  ] as const)
    assert.is(previewRemoval(hosts, 'a').isLast, isLast);
});

/** A sight of hosts whose CPU is given. */
function sightOf(cpus: Readonly<Record<string, number>>): Parameters<typeof previewAct>[0] {
  const columns = openTable(createTable(16));
  const hosts = Object.entries(cpus).map(([name, cpu], slot) => {
    columns.cpu[slot] = cpu;
    columns.cores[slot] = 2;
    columns.capacity[slot] = 2;
    return { slot, name, url: `http://${name}` };
  });
  return { columns, clock: () => 1000, hosts: () => hosts, order: () => ['b1', 'b2'] };
}

test('a preview is a sentence with the busiest of the others, and says whether clients would notice', () => {
  const sight = sightOf({ a: 0.26, b: 0.61, c: 0.3, 'api/x': 0.5, 'api/y': 0.45 });
  const drained = previewAct(sight, { act: 'drain', host: 'a' });
  assert.is(drained.text, 'a gets no new requests, and finishes those that it has. b is then the busiest of the others: 61 → 74 %.');
  assert.equal([drained.effects.length, drained.needsForce, drained.isHurting], [2, false, false], 'hosts of other pools are no others');
  assert.ok(previewAct(sight, { act: 'drain', host: 'api/x' }).isHurting, 'the other one would be full');
  assert.ok(previewAct(sight, { act: 'eject', host: 'a' }).isHurting, 'requests are ended');
  const alone = previewAct(sightOf({ a: 0.1, 'api/x': 0.1 }), { act: 'drain', host: 'api/x' });
  assert.equal([alone.needsForce, alone.isHurting], [true, true]);
  assert.match(alone.text, /the last usable host of the pool api/);
  assert.ok(previewAct(sight, { act: 'maintenance', pool: 'api', on: true }).isHurting);
  assert.not(previewAct(sight, { act: 'maintenance', pool: 'api', on: false }).isHurting);
  assert.not(previewAct(sight, { act: 'restart' }).isHurting);
  assert.ok(previewAct({ ...sight, order: () => ['b1'] }, { act: 'restart' }).isHurting, 'there is nobody else to serve');
});

test('hosts that are down, taken out or ejected are not counted on', () => {
  for (const takeOut of [
    (columns: ReturnType<typeof openTable>) => (columns.state[1] = 2),
    (columns: ReturnType<typeof openTable>) => (columns.operator[1] = 1),
    (columns: ReturnType<typeof openTable>) => (columns.ejectedUntil[1] = 1001),
  ]) {
    const sight = sightOf({ a: 0.1, b: 0.1 });
    assert.not(previewAct(sight, { act: 'drain', host: 'a' }).needsForce);
    takeOut(sight.columns);
    assert.ok(previewAct(sight, { act: 'drain', host: 'a' }).needsForce);
  }
});

test('requests for acts are understood as a whole or not at all', () => {
  for (const [body, act] of [
    [
      { act: 'drain', target: 'h1' },
      { act: 'drain', host: 'h1' },
    ],
    [
      { act: 'eject', target: 'api/h1', force: true },
      { act: 'eject', host: 'api/h1' },
    ],
    [
      { act: 'undrain', target: 'h1', preview: true },
      { act: 'undrain', host: 'h1' },
    ],
    [
      { act: 'maintenance', target: 'api', on: false },
      { act: 'maintenance', pool: 'api', on: false },
    ],
    [
      { act: 'algorithm', target: 'round-robin' },
      { act: 'algorithm', algorithm: 'round-robin' },
    ],
    [
      { act: 'algorithm', target: 'own' },
      { act: 'algorithm', algorithm: null },
    ],
    [{ act: 'restart', target: 'fleet' }, { act: 'restart' }],
  ] as const)
    assert.equal(decodeAct(JSON.stringify(body)), {
      act,
      isForced: 'force' in body,
      isPreview: 'preview' in body,
    });
  for (const body of [
    '',
    'null',
    '[]',
    '"drain"',
    '{',
    ...[
      {},
      { act: 'drain' },
      { act: 'drain', target: '' },
      { act: 'drain', target: 'a b' },
      { act: 'drain', target: ['h1'] },
      { act: 'drain', target: 'h1', on: true },
      { act: 'drain', target: 'h1', force: 'yes' },
      { act: 'drain', target: 'h1', preview: 1 },
      { act: 'drain', target: 'h1', more: 1 },
      { act: 'DRAIN', target: 'h1' },
      { act: 'maintenance', target: 'api' },
      { act: 'maintenance', target: 'api/h1', on: true },
      { act: 'maintenance', target: 'api', on: 'true' },
      { act: 'algorithm', target: 'random' },
      { act: 'restart', target: 'b1' },
      { act: '__proto__', target: 'fleet' },
    ].map((each) => JSON.stringify(each)),
  ])
    assert.type(decodeAct(body), 'string', body);
});

test.run();
