// The package as others get it: links in its documents lead somewhere, npm has nothing to warn of, what package.json and
// the README say agrees, and it can do without what is optional.

import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withProcess, withTempDir } from './support/brackets.js';
import { brokenLink, linksOf, readPage, ROOT } from './support/documents.js';
import { freePortsInRow } from './support/fleet-process.js';
import { ended, meercatProcess } from './support/meercat.js';
import { NPM_ENV, packedFiles, readManifest, withPacked } from './support/packed.js';

const test = suite('package');

const run = promisify(execFile);
const BUSY_MS = 60_000;

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

test('package.json says where the project is, and the README the same versions of Node.js', async () => {
  const { engines, homepage, repository, bugs } = await readManifest();
  const [, project = ''] = /^git\+(https:\/\/.*)\.git$/.exec(repository.url) ?? [];
  assert.ok(project.length > 20, repository.url);
  assert.equal([homepage, bugs.url], [`${project}#readme`, `${project}/issues`]);
  assert.ok(readPage('README.md').text.includes(`\`${engines['node']}\``), 'the README names the range of engines');
});

test('npm ci has nothing to warn of on this Node.js', () =>
  withTempDir(async (dir) => {
    for (const name of ['package.json', 'package-lock.json']) await writeFile(join(dir, name), readPage(name).text);
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
