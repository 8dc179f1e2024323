// What package.json says: npm has nothing to warn of, the README says the same, and `npm start` does what it should.
// library.test.ts has the package as npm packs it.

import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withTempDir } from './support/brackets.js';
import { readPage, ROOT } from './support/documents.js';
import { NPM_ENV, readManifest } from './support/packed.js';

const test = suite('package');

const run = promisify(execFile);

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

test.run();
