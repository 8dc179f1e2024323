// The package as others get it: the example of docs/library.md runs in it, in JavaScript and in TypeScript; to import it
// loads little; links in its documents lead somewhere; npm has nothing to warn of; and it can do without what is optional.

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withProcess, withRedis, withTempDir } from './support/brackets.js';
import { freePortsInRow } from './support/fleet-process.js';
import { ended, meercatProcess } from './support/meercat.js';
import { NPM_ENV, packedFiles, type PackedMeercat, readManifest, ROOT, withPacked } from './support/packed.js';

const test = suite('package');

const run = promisify(execFile);
const BUSY_MS = 60_000;

const pageOf = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

/** The example of docs/library.md, and what it is said to print. */
async function example(): Promise<{ code: string; printed: string }> {
  const page = await pageOf('docs/library.md');
  const [, code = '', printed = ''] = /```js\n([^]*?)```\n\nIt prints:\n\n```\n([^]*?)```/.exec(page) ?? [];
  assert.ok(code.length > 1000 && printed.length > 50, 'the example and what it prints');
  return { code, printed };
}

/** Runs a program in the consumer's folder; gives what it printed. */
function outputOf({ dir }: PackedMeercat, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return withProcess({ command: process.execPath, args, cwd: dir, env }, async (child) => {
    assert.equal(await ended(child, BUSY_MS), { code: 0, signal: null }, child.lines.join('\n'));
    return `${child.lines.join('\n')}\n`;
  });
}

test('the example of docs/library.md prints what the page says, as JavaScript', () =>
  withPacked((packed) =>
    withRedis(async ({ url }) => {
      const { code, printed } = await example();
      await writeFile(join(packed.dir, 'example.js'), code);
      assert.is(await outputOf(packed, ['example.js'], { REDIS: url }), printed);
    }),
  ));

test('the same example is TypeScript that the strictest settings accept, and runs when compiled', () =>
  withPacked((packed) =>
    withRedis(async ({ url }) => {
      const { code, printed } = await example();
      await writeFile(join(packed.dir, 'example.ts'), code);
      await mkdir(join(packed.dir, 'node_modules/@types'));
      await symlink(join(ROOT, 'node_modules/@types/node'), join(packed.dir, 'node_modules/@types/node'));
      const compilerOptions = {
        ...{ target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], outDir: 'out' },
        ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noUnusedLocals: true, skipLibCheck: false },
      };
      await writeFile(join(packed.dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['example.ts'] }));
      const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: packed.dir }).catch(
        (error: { stdout: string }) => error,
      );
      assert.is(stdout, '');
      assert.is(await outputOf(packed, ['out/example.js'], { REDIS: url }), printed);
      // Wrong fields are errors of the compiler, too.
      await writeFile(join(packed.dir, 'example.ts'), "import { startBalancer } from 'meercat';\nawait startBalancer({ prot: 1 });\n");
      const refused = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: packed.dir }).catch(
        (error: { stdout: string }) => error,
      );
      assert.match(refused.stdout, /'prot' does not exist in type 'BalancerOptions'/);
    }),
  ));

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
    for (const name of ['commander', 'systeminformation', 'uplot', 'undici', 'redlock']) assert.not(packages.includes(name), name);
  }));

/** The anchors that a page of Markdown has on GitHub. */
function anchorsOf(page: string): Set<string> {
  const headings = [...page.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, text]) => text as string);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}

test('every relative link in the documents leads to a file of the package, and to a heading that it has', async () => {
  const files = await packedFiles();
  const folders = new Set(files.flatMap((file) => file.split('/').map((_, index, parts) => parts.slice(0, index).join('/'))));
  const pages = files.filter((file) => file.endsWith('.md'));
  assert.ok(pages.includes('README.md') && pages.includes('docs/library.md'));
  const broken: string[] = [];
  let links = 0;
  for (const page of pages) {
    const text = (await pageOf(page)).replaceAll(/^```[^]*?^```/gm, '');
    for (const [, link = ''] of text.matchAll(/\]\(<?([^)\s>]+)>?\)|(?:src|href)="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(link) || link === '') continue;
      links++;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '');
      if (!files.includes(target) && !folders.has(target)) broken.push(`${page}: ${link}`);
      else if (anchor !== undefined && !anchorsOf(await pageOf(target)).has(anchor)) broken.push(`${page}: ${link}`);
    }
  }
  assert.ok(links > 20);
  assert.equal(broken, []);
});

test('package.json says where the project is, and the README the same versions of Node.js', async () => {
  const { engines, homepage, repository, bugs } = await readManifest();
  const [, project = ''] = /^git\+(https:\/\/.*)\.git$/.exec(repository.url) ?? [];
  assert.ok(project.length > 20, repository.url);
  assert.equal([homepage, bugs.url], [`${project}#readme`, `${project}/issues`]);
  assert.ok((await pageOf('README.md')).includes(`\`${engines['node']}\``), 'the README names the range of engines');
});

test('npm ci has nothing to warn of on this Node.js', () =>
  withTempDir(async (dir) => {
    for (const name of ['package.json', 'package-lock.json']) await writeFile(join(dir, name), await pageOf(name));
    const { stdout, stderr } = await run('npm', ['ci', '--dry-run', '--offline'], { cwd: dir, env: NPM_ENV });
    assert.match(stdout, /^added \d+ packages/m);
    assert.equal(
      `${stdout}\n${stderr}`.split('\n').filter((line) => /^npm (?:warn|error)/i.test(line)),
      [],
    );
  }));

test('npm start says that it builds before it does, and hands its flags to meercat up', () =>
  withTempDir(async (dir) => {
    const { scripts } = await readManifest();
    // The build itself would write files that other tests run at this moment.
    const own = { name: 'started', type: 'module', scripts: { start: scripts['start'], build: "echo 'the build'" } };
    await writeFile(join(dir, 'package.json'), JSON.stringify(own));
    await symlink(join(ROOT, 'dist'), join(dir, 'dist'));
    const { stdout } = await run('npm', ['start', '--silent', '--', '--port', 'x'], { cwd: dir, env: NPM_ENV }).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: `${error.stdout}${error.stderr}` }),
    );
    const [said, built, refused] = stdout.split('\n');
    assert.match(said ?? '', /building/);
    assert.is(built, 'the build');
    assert.match(refused ?? '', /^meercat: --port: a whole number/);
  }));

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
