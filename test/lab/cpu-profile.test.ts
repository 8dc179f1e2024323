// Grouping of CPU profiles: with synthetic profiles, and with the files of this repository.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CpuProfile, type ProfileFrame, selfTimes } from '../../lib/lab/cpu-profile.js';
import { COLLECTOR, GROUPS, groupOf, OUTSIDE, REST } from '../../lib/lab/profile-groups.js';
import { sharesOf } from '../../lib/lab/profile-report.js';

const test = suite('cpu profile');

const frame = (functionName: string, url = ''): ProfileFrame => ({ functionName, url, lineNumber: 0 });
const ours = (file: string): ProfileFrame => frame('it', `file:///somewhere/dist/lib/${file}.js`);

/** 1 root, 2 idle, 3 a parser, 4 a native function that it calls, 5 a write. */
const NODES: CpuProfile['nodes'] = [
  { id: 1, callFrame: frame('(root)'), children: [2, 3] },
  { id: 2, callFrame: frame('(idle)') },
  { id: 3, callFrame: ours('traffic/wire/request-head'), children: [4, 5] },
  { id: 4, callFrame: frame('latin1Slice') },
  { id: 5, callFrame: frame('writeLatin1String') },
];

test('every sample counts as one interval, and only samples between the two times count', () => {
  const times = selfTimes(
    { nodes: NODES, startTime: 1000, samples: [3, 3, 4, 2, 5, 5], timeDeltas: [100, 100, 100, 5000, 100, 100] },
    1150,
    6450,
  );
  const micros = new Map(times.map(({ frame: { functionName }, micros: own }) => [functionName, own]));
  assert.equal([...micros].toSorted(), [
    ['(idle)', 100],
    ['it', 100],
    ['latin1Slice', 100],
    ['writeLatin1String', 100],
  ]);
  const slice = times.find(({ frame: { functionName } }) => functionName === 'latin1Slice');
  assert.equal(
    slice?.callers.map(({ functionName }) => functionName),
    ['it', '(root)'],
  );
});

test('a function belongs to the group of its file; native functions without I/O and Buffer belong to that of their caller', () => {
  for (const [each, callers, expected] of [
    [ours('traffic/wire/response-head'), [], 'parse'],
    [ours('traffic/request-head'), [], 'parse'],
    [ours('traffic/wire/headers'), [], 'headers'],
    [ours('routing/least-request'), [], 'pick'],
    [ours('table/own-requests'), [], 'bookkeeping'],
    [ours('traffic/request/exchange'), [], 'bookkeeping'],
    [ours('traffic/client/listener'), [], 'client connections'],
    [ours('traffic/host/host-pool'), [], 'host connections'],
    [ours('console/metrics'), [], REST],
    [frame('x', 'file:///somewhere/node_modules/http-proxy/lib/http-proxy/index.js'), [], 'http-proxy'],
    [frame('emit', 'node:events'), [], "Node's streams and sockets"],
    [frame('x', 'node:_http_outgoing'), [], "Node's HTTP"],
    [frame('latin1Slice'), [frame('slice', ''), ours('traffic/wire/grammar')], 'parse'],
    [frame('indexOfBuffer'), [frame('indexOf', 'node:buffer'), ours('traffic/wire/grammar')], 'parse'],
    [frame('indexOf', 'node:buffer'), [ours('traffic/host/host-pool')], 'host connections'],
    [frame('writev'), [ours('traffic/wire/grammar')], 'kernel writes'],
    [frame('(garbage collector)'), [ours('traffic/wire/grammar')], COLLECTOR],
    [frame('(program)'), [frame('(root)')], OUTSIDE],
    [frame('(idle)'), [frame('(root)')], undefined],
  ] as const) {
    const group = groupOf(each, callers);
    assert.is(group, expected, `${each.functionName} ${each.url}`);
    if (group !== undefined) assert.ok(GROUPS.includes(group), group);
  }
});

test('every file of the request path has a group', () => {
  const lib = fileURLToPath(new URL('../../lib/', import.meta.url));
  const files = ['traffic', 'routing', 'learning', 'table'].flatMap((folder) =>
    readdirSync(`${lib}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => `${folder}/${name.slice(0, -'.js'.length)}`),
  );
  assert.ok(files.length > 50, String(files.length));
  for (const file of files) assert.is.not(groupOf(ours(file), []), REST, file);
});

const profiled = (mainMicros: number) =>
  ({
    workload: 'small',
    requests: 2,
    plainMicros: 1,
    mainMicros,
    systemMicros: 1,
    othersMicros: 0,
    times: [
      { frame: frame('writev'), callers: [], micros: 10 },
      { frame: ours('traffic/wire/grammar'), callers: [], micros: 6 },
      { frame: frame('(idle)'), callers: [], micros: 99 },
    ],
  }) as const;

test('CPU time beyond the samples is reading and polling; samples beyond the CPU time are waiting, and all groups are scaled down', () => {
  const micros = (mainMicros: number): [string, number][] => sharesOf(profiled(mainMicros)).map(({ name, micros: own }) => [name, own]);
  assert.equal(micros(10), [
    ['kernel writes', 5],
    ['parse', 3],
    [OUTSIDE, 2],
    [REST, 0],
  ]);
  assert.equal(micros(4), [
    ['kernel writes', 2.5],
    ['parse', 1.5],
    [REST, 0],
  ]);
});

test.run();
