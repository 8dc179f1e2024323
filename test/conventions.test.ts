// Keeps the rules of DESIGN.md and STYLE.md: reads every source file of lib, bin and test.
// Each check is first shown small examples that it must refuse and others that it must let pass.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as columnRules from './support/column-rules.js';
import { circlesOf, type SourceFile } from './support/import-circles.js';
import * as importRules from './support/import-rules.js';
import * as sourceRules from './support/source-rules.js';
import { importsOf, viewsOf } from './support/source-text.js';

const test = suite('conventions');

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CHECKS: Readonly<Record<string, importRules.Check>> = { ...importRules, ...sourceRules, ...columnRules };

type CheckName = keyof typeof importRules | keyof typeof sourceRules | keyof typeof columnRules;

interface Example {
  readonly check: CheckName;
  /** Where the text pretends to stand. */
  readonly path: string;
  readonly text: string;
}

const BAD: readonly Example[] = [
  { check: 'checkFolderImports', path: 'lib/routing/a.ts', text: "import { MeercatError } from '../errors.js';" },
  { check: 'checkFolderImports', path: 'lib/routing/a.ts', text: "import { Table } from '../table/reader.js';" },
  { check: 'checkFolderImports', path: 'lib/routing/a.ts', text: "import type { TableColumns } from '../table/layout.js';" },
  { check: 'checkFolderImports', path: 'lib/traffic/a.ts', text: "import { keys } from '../redis/keys.js';" },
  { check: 'checkFolderImports', path: 'lib/traffic/request/a.ts', text: "export * from '../../fleet/lease.js';" },
  { check: 'checkFolderImports', path: 'lib/fleet/a.ts', text: "const t = await import('../hosts/table.js');" },
  { check: 'checkFolderImports', path: 'lib/hosts/a.ts', text: "let t: import('../fleet/lease.js').Lease;" },
  { check: 'checkFolderImports', path: 'lib/fleet/a.ts', text: "new Worker(new URL('../hosts/thread.js', import.meta.url));" },
  { check: 'checkFolderImports', path: 'lib/agent/a.ts', text: "import '../console/status.js';" },
  { check: 'checkFolderImports', path: 'lib/console/a.ts', text: "import { start } from '../balancer.js';" },
  { check: 'checkFolderImports', path: 'lib/redis/a.ts', text: "import { start } from '../fleet/lease.js';" },
  { check: 'checkFolderImports', path: 'lib/lab/a.ts', text: "import { serve } from '../traffic/server.js';" },
  { check: 'checkFolderImports', path: 'lib/lab/a.ts', text: "import { HostRegistry } from '../hosts/host-registry.js';" },
  { check: 'checkFolderImports', path: 'lib/lab/simulation/a.ts', text: "import { startMastership } from '../../hosts/mastership.js';" },
  { check: 'checkFolderImports', path: 'lib/routing/a.ts', text: "import { Capacity } from '../learning/capacity.js';" },
  { check: 'checkFolderImports', path: 'lib/traffic/client/a.ts', text: "import { Host } from '../host/host.js';" },
  { check: 'checkFolderImports', path: 'lib/traffic/wire/a.ts', text: "import type { ClientSide } from '../client/client-side.js';" },
  { check: 'checkFolderImports', path: 'lib/traffic/host/a.ts', text: "import { startTraffic } from '../server.js';" },
  { check: 'checkFolderImports', path: 'lib/shutdown.ts', text: "import { keys } from './redis/keys.js';" },
  { check: 'checkFolderImports', path: 'lib/model.ts', text: "import { messageOf } from './errors.js';" },
  { check: 'checkFolderImports', path: 'lib/balancer.ts', text: "import { program } from '../bin/meercat.js';" },
  { check: 'checkFolderImports', path: 'lib/stuff/a.ts', text: '' },
  { check: 'checkLibraryImports', path: 'lib/fleet/a.ts', text: "import type { Redis } from 'ioredis';" },
  { check: 'checkLibraryImports', path: 'lib/fleet/a.ts', text: "import {\n  ResourceLockedError,\n} from 'redlock';" },
  { check: 'checkLibraryImports', path: 'lib/balancer.ts', text: "const p = await import('http-proxy');" },
  { check: 'checkLibraryImports', path: 'lib/hosts/a.ts', text: "import si from 'systeminformation';" },
  { check: 'checkLibraryImports', path: 'lib/config/a.ts', text: "import { Command } from 'commander';" },
  { check: 'checkLibraryImports', path: 'bin/meercat.ts', text: "import { pino } from 'pino';" },
  { check: 'checkLibraryImports', path: 'lib/hosts/a.ts', text: "import { x } from 'ioredis/built/utils';" },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: 'const now = Date.now();' },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: 'const random = Math.random;' },
  { check: 'checkPureFolders', path: 'lib/learning/a.ts', text: 'const now = Date.now();' },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: 'setTimeout(() => {}, 1);' },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: 'const t = performance.now();' },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: "import { hash } from 'node:crypto';" },
  { check: 'checkTypesAreKept', path: 'lib/a.ts', text: 'function f(x: any) {}' },
  { check: 'checkTypesAreKept', path: 'lib/a.ts', text: 'const y = x as any;' },
  { check: 'checkTypesAreKept', path: 'test/a.test.ts', text: 'let m: Map<string, any>;' },
  { check: 'checkTypesAreKept', path: 'lib/a.ts', text: 'const y = <any>x;' },
  { check: 'checkTypesAreKept', path: 'lib/a.ts', text: '// @ts-ignore\nf();' },
  { check: 'checkNothingLeftForLater', path: 'lib/a.ts', text: 'f(); // TODO: better' },
  { check: 'checkNothingLeftForLater', path: 'lib/a.ts', text: '/* FIXME */' },
  { check: 'checkNamedExports', path: 'lib/a.ts', text: 'export default function f() {}' },
  { check: 'checkNamedExports', path: 'lib/a.ts', text: 'export { f as default };' },
  { check: 'checkFileName', path: 'lib/hostPool.ts', text: '' },
  { check: 'checkFileName', path: 'lib/Traffic/a.ts', text: '' },
  { check: 'checkFileName', path: 'lib/redis/utils.ts', text: '' },
  { check: 'checkOpeningComment', path: 'lib/a.ts', text: "import 'x';\n// late" },
  { check: 'checkOpeningComment', path: 'test/a.test.ts', text: '/* block */' },
  { check: 'checkDocComments', path: 'lib/a.ts', text: '// not a doc comment\nexport const a = 1;' },
  { check: 'checkDocComments', path: 'lib/a.ts', text: '/* plain */\nexport function f() {}' },
  { check: 'checkDocComments', path: 'lib/a.ts', text: '/** Of a. */\nexport const a = 1;\nexport const b = 2;' },
  { check: 'checkDocComments', path: 'lib/a.ts', text: '/** Too far. */\n\nexport interface A {}' },
  { check: 'checkDocComments', path: 'lib/a.ts', text: 'const a = 1;\nexport { a };' },
  { check: 'checkWords', path: 'lib/a.ts', text: 'const upstreamUrl = 1;' },
  { check: 'checkWords', path: 'lib/a.ts', text: 'x.isLeader();' },
  { check: 'checkWords', path: 'lib/a.ts', text: "import { Worker } from 'node:worker_threads';\nconst fleetWorker = 1;" },
  { check: 'checkWords', path: 'lib/a.ts', text: 'const url = `${backend}/x`;' },
  { check: 'checkWords', path: 'lib/a.ts', text: "import cluster from 'node:cluster';\ncluster.isWorker;" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: "import { test } from 'uvu';\ntest('x', f);" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: "const one = suite('1');\nconst two = suite('2');\none.run();" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: "const one = suite('1');\none.run();\none('late', f);" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: "const one = suite('1');\none.only('x', f);\none.run();" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: '// nothing' },
  { check: 'checkColumnWriters', path: 'lib/fleet/a.ts', text: 'this.#columns.fleet[FLEET.loadsAt] = nowMs;' },
  {
    check: 'checkColumnWriters',
    path: 'lib/fleet/a.ts',
    text: "import type { TableColumns } from '../table/layout.js';\nothersWork[slots[i] as number] += work;",
  },
  { check: 'checkColumnWriters', path: 'lib/table/writer.ts', text: 'columns.avoidUntil[slot] = 0;' },
  { check: 'checkColumnWriters', path: 'lib/table/own-requests.ts', text: 'columns.fleetInflight[slot]++;' },
  { check: 'checkColumnWriters', path: 'lib/table/candidates.ts', text: 'columns.lists[next][0] = count;' },
  { check: 'checkColumnWriters', path: 'lib/table/candidates.ts', text: 'Atomics.store(this.#columns.header, HEADER.activeList, next);' },
  {
    check: 'checkColumnWriters',
    path: 'lib/traffic/host/a.ts',
    text: "import { HEADER } from '../../table/layout.js';\nheader[HEADER.panic] = 1;",
  },
  { check: 'checkColumnWriters', path: 'lib/fleet/a.ts', text: '--columns.header[HEADER.inflight];' },
  { check: 'checkColumnWriters', path: 'lib/learning/a.ts', text: 'columns.known.fill(1);' },
];

const GOOD: readonly Example[] = [
  {
    check: 'checkFolderImports',
    path: 'lib/routing/a.ts',
    text: "import type { HostRow } from '../model.js';\nimport { b } from './b.js';",
  },
  {
    check: 'checkFolderImports',
    path: 'lib/traffic/a.ts',
    text: "import { pick } from '../routing/policy.js';\nimport { x } from '../errors.js';",
  },
  {
    check: 'checkFolderImports',
    path: 'lib/traffic/request/a.ts',
    text: "import { Host } from '../host/host.js';\nimport { readHead } from '../wire/request-head.js';",
  },
  { check: 'checkFolderImports', path: 'lib/traffic/server.ts', text: "import { Host } from './host/host.js';" },
  { check: 'checkFolderImports', path: 'lib/learning/a.ts', text: "import { forgottenAfter } from '../routing/forgetting.js';" },
  { check: 'checkFolderImports', path: 'lib/fleet/a.ts', text: "import { keys } from '../redis/keys.js';" },
  {
    check: 'checkFolderImports',
    path: 'lib/lab/a.ts',
    text: "import { up } from '../up/local-fleet.js';\nimport { pick } from '../routing/policy.js';",
  },
  { check: 'checkFolderImports', path: 'lib/lab/simulation/a.ts', text: "import { HostRegistry } from '../../hosts/host-registry.js';" },
  {
    check: 'checkFolderImports',
    path: 'lib/balancer.ts',
    text: "import { a } from './traffic/server.js';\nimport { b } from './fleet/lease.js';",
  },
  {
    check: 'checkFolderImports',
    path: 'lib/fleet/a.ts',
    text: "// import { x } from '../hosts/x.js';\nconst text = \"from '../hosts/x.js'\";",
  },
  { check: 'checkFolderImports', path: 'lib/console/a.ts', text: "const html = new URL('./page.html', import.meta.url);" },
  { check: 'checkFolderImports', path: 'lib/index.ts', text: "const { version } = require('../package.json');" },
  { check: 'checkLibraryImports', path: 'lib/redis/a.ts', text: "import { Redis } from 'ioredis';\nimport Redlock from 'redlock';" },
  { check: 'checkLibraryImports', path: 'lib/log.ts', text: "import { pino } from 'pino';" },
  { check: 'checkLibraryImports', path: 'test/redis/a.test.ts', text: "import { Redis } from 'ioredis';" },
  { check: 'checkPureFolders', path: 'lib/routing/a.ts', text: '// unlike Date.now()\nconst now = clock();' },
  { check: 'checkPureFolders', path: 'lib/fleet/a.ts', text: 'const now = Date.now();' },
  {
    check: 'checkTypesAreKept',
    path: 'lib/a.ts',
    text: '// as any one can see\nconst any = await Promise.any(all);\nconst text = "x as any";',
  },
  { check: 'checkNothingLeftForLater', path: 'lib/a.ts', text: "const word = 'TODO';" },
  { check: 'checkNamedExports', path: 'lib/a.ts', text: "import { default as Redlock } from 'redlock';\nexport const a = 1;" },
  { check: 'checkFileName', path: 'test/support/good-one.fixture.ts', text: '' },
  { check: 'checkOpeningComment', path: 'lib/a.ts', text: '// What it is.\n' },
  { check: 'checkOpeningComment', path: 'bin/a.ts', text: '#!/usr/bin/env node\n' },
  {
    check: 'checkDocComments',
    path: 'lib/a.ts',
    text: "/** Says a. */\nexport const a = 1;\n\n/**\n * Says b.\n */\nexport async function b() {}\n\nexport { c } from './c.js';",
  },
  {
    check: 'checkDocComments',
    path: 'lib/a.ts',
    text: '/** Says f. */\nexport function f(a: 1): void;\nexport function f(a: 2): void;\nexport function f(a: 1 | 2) {}',
  },
  {
    check: 'checkWords',
    path: 'lib/a.ts',
    text: "import { Worker, workerData } from 'node:worker_threads';\n// the leader\nnew Worker('upstream');",
  },
  { check: 'checkWords', path: 'lib/a.ts', text: "import cluster from 'node:cluster';\ncluster.worker.on('disconnect', f);" },
  { check: 'checkSuitesRun', path: 'test/a.test.ts', text: "const one = suite('1');\none('x', f);\none.run();" },
  { check: 'checkColumnWriters', path: 'lib/table/fleet-cells.ts', text: 'columns.cpu[slot] = columns.memory[slot] = 0;' },
  { check: 'checkColumnWriters', path: 'lib/traffic/host/a.ts', text: 'columns.ejectedUntil[slot] = nowMs;\nheader[HEADER.inflight] = 1;' },
  {
    check: 'checkColumnWriters',
    path: 'lib/fleet/a.ts',
    text: 'if (columns.fleetInflight[slot] === 1) said.work[slot];\nconst served = columns.served[slot] as number;\nAtomics.load(columns.inflight, slot);',
  },
  { check: 'checkColumnWriters', path: 'lib/lab/a.ts', text: 'work[slot] = 0;' },
  {
    check: 'checkColumnWriters',
    path: 'lib/fleet/a.ts',
    text: "import type { TableColumns } from '../table/layout.js';\nlet work = 0;\nthis.#saidWork[slot] = work;\nconst known = columns.known.length;",
  },
];

const CIRCLES: readonly (readonly SourceFile[])[] = [
  [
    { path: 'lib/a.ts', text: "import { b } from './b.js';" },
    { path: 'lib/b.ts', text: "import { a } from './a.js';" },
  ],
  [
    { path: 'lib/a.ts', text: "import type { B } from './x/b.js';" },
    { path: 'lib/x/b.ts', text: "import type { A } from '../a.js';" },
  ],
  [
    { path: 'lib/a.ts', text: "import { b } from './b.js';" },
    { path: 'lib/b.ts', text: "export * from './c.js';" },
    { path: 'lib/c.ts', text: "const { a } = await import('./a.js');" },
  ],
  [{ path: 'bin/a.ts', text: "import { a } from './a.js';" }],
  [
    { path: 'lib/a.ts', text: "import { b } from './b.js';" },
    { path: 'lib/b.ts', text: "import { c } from './c.js';" },
    { path: 'lib/c.ts', text: "let b: import('./b.js').B;" },
  ],
];

const NO_CIRCLES: readonly (readonly SourceFile[])[] = [
  [
    { path: 'lib/a.ts', text: "import { b } from './b.js';\nimport { c } from './c.js';" },
    { path: 'lib/b.ts', text: "import { c } from './c.js';" },
    { path: 'lib/c.ts', text: '' },
  ],
  // One starts the other as a process of its own.
  [
    { path: 'bin/a.ts', text: "const entry = new URL('./b.js', import.meta.url);" },
    { path: 'bin/b.ts', text: "import { a } from './a.js';" },
  ],
  [
    { path: 'lib/a.ts', text: "import { b } from './b.js';" },
    { path: 'lib/b.ts', text: "// import { a } from './a.js';" },
  ],
  [
    { path: 'lib/a.ts', text: "import { b } from './b/a.js';" },
    { path: 'lib/b/a.ts', text: "import { a } from 'a';" },
  ],
];

const shown = (files: readonly SourceFile[]) => files.map(({ path, text }) => `${path}: ${text}`).join(' | ');

for (const files of CIRCLES) {
  test(`a circle is refused: ${shown(files)}`, () => {
    const found = circlesOf(files);
    assert.is(found.length, 1, found.join('\n'));
    assert.match(found[0] as string, /^[\w/]+\.ts:1: a circle of imports: \S+(?: → \S+)+$/);
  });
}

for (const files of NO_CIRCLES) {
  test(`no circle is seen: ${shown(files)}`, () => {
    assert.equal(circlesOf(files), []);
  });
}

test('a circle is shown from end to end, and two circles are two', () => {
  const [a, b, c] = ["\nimport './b.js';", "import './c.js';\nimport './a.js';", "import './b.js';"].map((text, i) => ({
    path: `lib/${'abc'[i]}.ts`,
    text,
  })) as [SourceFile, SourceFile, SourceFile];
  assert.equal(circlesOf([a, b, c]).map((each) => each.split(' → ').toSorted().join()).length, 2);
  assert.equal(circlesOf([a, { ...b, text: "import './a.js';" }]), ['lib/b.ts:1: a circle of imports: lib/b.ts → lib/a.ts → lib/b.ts']);
});

for (const { check, path, text } of BAD) {
  test(`${check} refuses in ${path}: ${text}`, () => {
    const found = CHECKS[check]?.(path, text) ?? [];
    assert.is(found.length, 1, found.join('\n'));
    assert.match(found[0] as string, new RegExp(`^${path}:\\d+: .`));
  });
}

for (const { check, path, text } of GOOD) {
  test(`${check} lets pass in ${path}: ${text}`, () => {
    assert.equal(CHECKS[check]?.(path, text), []);
  });
}

test('a violation names the line on which it stands', () => {
  assert.match(sourceRules.checkTypesAreKept('lib/a.ts', '// one\n\nlet x: any;')[0] as string, /^lib\/a\.ts:3: /);
});

test('every check has an example that it refuses and one that it lets pass', () => {
  const names = Object.keys(CHECKS).toSorted();
  for (const examples of [BAD, GOOD]) {
    assert.equal([...new Set(examples.map(({ check }) => check as string))].toSorted(), names);
  }
});

test('code, comments and texts are distinguished', () => {
  const text = 'a(/[/"]/g); // "c"\nb = `x ${d + `y ${e}`} z`; f = g / h / i; /* j\n */ k = \'l // m\';';
  const { code, comments } = viewsOf(text);
  assert.is(code.length, text.length);
  assert.is(code.replace(/ +/g, ' '), "a(/ /g); \nb = ` {d + ` {e}`} `; f = g / h / i; \n k = ' ';");
  assert.is(comments.replace(/ +/g, ' ').trim(), '// "c"\n /* j\n */');
});

test('every form of import is found', () => {
  const text = "import a, { b } from 'one';\nexport * from \"two\";\nimport 'three';\nawait import(`four`);\nlet t: typeof import('five');";
  assert.equal(
    importsOf(text)
      .map(({ specifier }) => specifier)
      .toSorted(),
    ['five', 'four', 'one', 'three', 'two'],
  );
});

const sources = ['lib', 'bin', 'test'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ROOT, folder, name), 'utf8') })),
);

test('the sources are found', () => {
  assert.ok(sources.some(({ path }) => path === 'lib/model.ts'));
  assert.ok(sources.some(({ path }) => path === 'test/conventions.test.ts'));
});

test('no file of lib or bin imports itself by way of others', () => {
  const found = circlesOf(sources.filter(({ path }) => !path.startsWith('test/')));
  assert.is(found.length, 0, `\n    ${found.join('\n    ')}`);
});

/** Where each exported name of lib and bin is declared, by name; a type and a value of one file count once. */
function exportsOf(files: readonly { readonly path: string; readonly text: string }[]): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    for (const [, name] of text.matchAll(/^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm)) {
      places.set(name as string, (places.get(name as string) ?? new Set()).add(path));
    }
  }
  return places;
}

test('no two exported things share a name', () => {
  const twice = [...exportsOf(sources.filter(({ path }) => !path.startsWith('test/')))].filter(([, places]) => places.size > 1);
  assert.equal(
    twice.map(([name, places]) => `${name}: ${[...places].join(', ')}`),
    [],
  );
  const one = { path: 'lib/a.ts', text: 'export type A = 1;\nexport const A = 1;' };
  assert.is(exportsOf([one, { path: 'lib/b.ts', text: 'export interface A {}' }]).get('A')?.size, 2);
  assert.is(exportsOf([one]).get('A')?.size, 1);
});

for (const [name, check] of Object.entries(CHECKS)) {
  test(`the sources keep the rule ${name}`, () => {
    const found = sources.flatMap(({ path, text }) => check(path, text));
    assert.is(found.length, 0, `\n    ${found.join('\n    ')}`);
  });
}

test.run();
