// The package as npm packs it: links in its documents lead somewhere, and it can do without what is optional. The library
// as a program gets it: the example of docs/library.md does what the page says, and to import it loads little.

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withProcess, withRedis } from './support/brackets.js';
import { brokenLink, linksOf, readPage, ROOT } from './support/documents.js';
import { freePortsInRow } from './support/fleet-process.js';
import { ended, meercatProcess } from './support/meercat.js';
import { packedFiles, type PackedMeercat, withPacked } from './support/packed.js';

const test = suite('library');

const run = promisify(execFile);
const BUSY_MS = 60_000;

/** The example of docs/library.md, and what it is said to print. */
function example(): { code: string; printed: string } {
  const page = readPage('docs/library.md').text;
  const [, code = '', printed = ''] = /```js\n([^]*?)```\n\nIt prints:\n\n```\n([^]*?)```/.exec(page) ?? [];
  assert.ok(code.length > 1000 && printed.length > 50, 'the example and what it prints');
  return { code, printed };
}

/** Runs a program in the consumer's folder; gives what it printed on stdout. */
function outputOf({ dir }: PackedMeercat, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return withProcess({ command: process.execPath, args, cwd: dir, env }, async (child) => {
    assert.equal(await ended(child, BUSY_MS), { code: 0, signal: null }, child.lines.join('\n'));
    return `${child.stdout.join('\n')}\n`;
  });
}

test('the example of docs/library.md prints what the page says, as JavaScript', () =>
  withPacked((packed) =>
    withRedis(async ({ url }) => {
      const { code, printed } = example();
      await writeFile(join(packed.dir, 'example.js'), code);
      assert.is(await outputOf(packed, ['example.js'], { REDIS: url }), printed);
    }),
  ));

test('the same example is TypeScript that the strictest settings accept', () =>
  withPacked(async (packed) => {
    const { code } = example();
    await writeFile(join(packed.dir, 'example.ts'), code);
    // A wrong field is an error of the compiler, too: where it is none, the comment is.
    const wrong = "import { startBalancer } from 'meercat';\n// @ts-expect-error -- no such field\nawait startBalancer({ prot: 1 });\n";
    await writeFile(join(packed.dir, 'wrong.ts'), wrong);
    await mkdir(join(packed.dir, 'node_modules/@types'));
    await symlink(join(ROOT, 'node_modules/@types/node'), join(packed.dir, 'node_modules/@types/node'));
    const compilerOptions = {
      ...{ target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], noEmit: true },
      ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noUnusedLocals: true, skipLibCheck: true },
    };
    await writeFile(join(packed.dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['example.ts', 'wrong.ts'] }));
    const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: packed.dir }).catch(
      (error: { stdout: string }) => error,
    );
    assert.is(stdout, '');
  }));

test('its types need no package that is not installed with it', () =>
  withPacked(async ({ home }) => {
    const waiting = [join(home, 'dist/lib/index.d.ts')];
    const seen = new Set(waiting);
    const packages = new Set<string>();
    for (const file of waiting) {
      for (const [, specifier = ''] of (await readFile(file, 'utf8')).matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)) {
        const target = join(dirname(file), specifier.replace(/\.js$/, '.d.ts'));
        if (!specifier.startsWith('.')) packages.add(specifier);
        else if (!seen.has(target)) waiting.push(target);
        seen.add(target);
      }
    }
    assert.ok(waiting.length > 10);
    assert.equal(
      [...packages].filter((name) => !name.startsWith('node:')),
      [],
    );
  }));

/** Prints the URL of each module, of either kind, that is loaded in the main thread. */
const WATCH = `
import * as module from 'node:module';
import { writeSync } from 'node:fs';
const told = (url) => writeSync(1, 'loaded ' + url + '\\n');
if (module.registerHooks === undefined) {
  module.register('data:text/javascript,' + encodeURIComponent(\`
    import { writeSync } from 'node:fs';
    export const load = (url, context, next) => (writeSync(1, 'loaded ' + url + '\\\\n'), next(url, context));\`));
  process.on('exit', () => Object.keys(module.createRequire(import.meta.url).cache).forEach(told));
} else module.registerHooks({ load: (url, context, next) => (told(url), next(url, context)) });
`;

/** The files of the package, as `lib/…`, and the other packages that a program loads. */
async function loadedBy(packed: PackedMeercat, program: string): Promise<{ files: string[]; packages: string[] }> {
  await writeFile(join(packed.dir, 'watch.js'), WATCH);
  await writeFile(join(packed.dir, 'program.js'), program);
  const lines = (await outputOf(packed, ['--import', './watch.js', 'program.js'])).split('\n');
  const urls = [...new Set(lines.flatMap((line) => /^loaded (?:file:\/\/)?(\/.*)$/.exec(line)?.[1] ?? []))];
  const files = urls.flatMap((url) => /\/node_modules\/meercat\/dist\/(.*)$/.exec(url)?.[1] ?? []);
  const others = urls.filter((url) => !url.includes('/node_modules/meercat/'));
  const packages = others.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  assert.ok(
    urls.some((url) => url.endsWith('/program.js')),
    'the program itself was seen',
  );
  return { files: files.toSorted(), packages: [...new Set(packages)].toSorted() };
}

test('to import meercat loads its configuration and no other package', () =>
  withPacked(async (packed) => {
    const { files, packages } = await loadedBy(packed, "await import('meercat');");
    assert.ok(files.includes('lib/index.js'));
    assert.equal(
      files.filter((file) => !/^lib\/(?:config\/.*|redis\/(?:address|names|tls)|[a-z-]+)\.js$/.test(file)),
      [],
    );
    assert.equal(packages, []);
  }));

test('to start a balancer loads nothing of the command line, the lab or the agents', () =>
  withPacked(async (packed) => {
    const { files, packages } = await loadedBy(
      packed,
      `const { startBalancer } = await import('meercat');
       const statics = [{ name: 'a', url: 'http://127.0.0.1:1' }];
       const balancer = await startBalancer({ redis: ['redis://127.0.0.1:1'], port: 0, bind: '127.0.0.1', statics, logLevel: 'silent' });
       await balancer.stop();`,
    );
    assert.ok(files.includes('lib/balancer.js') && files.includes('lib/traffic/server.js'));
    assert.equal(
      files.filter((file) => /^(?:bin|lib\/(?:lab|up|agent))\//.test(file)),
      [],
    );
    for (const name of ['commander', 'systeminformation', 'uplot', 'undici']) assert.not(packages.includes(name), name);
  }));

test('every link in the documents leads to a file of the package, and to a heading that it has', async () => {
  const files = await packedFiles();
  const folders = new Set(files.flatMap((file) => file.split('/').map((_, index, parts) => parts.slice(0, index).join('/'))));
  const pages = files.filter((file) => file.endsWith('.md')).map(readPage);
  for (const path of ['README.md', 'CHANGELOG.md', 'docs/library.md', 'deploy/README.md'])
    assert.ok(
      pages.some((page) => page.path === path),
      path,
    );
  const broken = pages.flatMap((page) =>
    linksOf(page).flatMap((target) => {
      const [path = ''] = target.split('#');
      const file = posix.normalize(posix.join(posix.dirname(page.path), path)).replace(/\/$/, '');
      const isPacked = /^[a-z]+:/.test(target) || path === '' || files.includes(file) || folders.has(file);
      return isPacked ? (brokenLink(page, target) ?? []) : [`${page.path}: ${target} is not in the package`];
    }),
  );
  assert.equal(broken, []);
});

test('without any Redis to start, meercat up says so in one line that tells what to do', () =>
  withPacked(async ({ home }) => {
    const port = await freePortsInRow(1);
    const { env } = meercatProcess([]);
    const args = [join(home, 'dist/bin/meercat.js'), 'up', '--balancers', '1', '--hosts', '1', '--port', String(port)];
    await withProcess({ command: process.execPath, args, env: { ...env, PATH: '/nowhere' } }, async (child) => {
      assert.equal(await ended(child, BUSY_MS), { code: 1, signal: null });
      const [, said = '', ...more] = child.lines;
      assert.equal(more, []);
      const embedded =
        Number.parseInt(process.versions.node, 10) < 22 ? 'use Node.js 22 or newer, where npm installs it' : 'npm install js-redis-server';
      assert.is(
        said,
        `meercat: there is no Redis to start: neither redis-server nor valkey-server is on the PATH, and js-redis-server is not installed: install Redis (Debian: apt-get install redis-server), or ${embedded}, or give a running one with --redis URL`,
      );
    });
  }));

test.run();
