// Folders of runs: those of killed runs are removed by the next one, and nothing else is, however its name looks.

import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pidSpace } from '../lib/pid-space.js';
import { createRunFolder } from '../lib/run-folder.js';
import { type RunningProcess, withProcess, withTempDir } from './support/brackets.js';

const test = suite('run folders');

const MODULE = new URL('../lib/run-folder.js', import.meta.url).href;

/** Runs a process that creates a folder in `place`, with a file in it, and lives until it is killed. */
function withRun<T>(place: string, fn: (folder: string, run: RunningProcess) => T | Promise<T>): Promise<T> {
  const code = `const { createRunFolder } = await import('${MODULE}');
const { writeFileSync } = await import('node:fs');
const { path } = createRunFolder('test', process.argv[1]);
writeFileSync(path + '/key', 'secret');
console.log('folder=' + path);
setInterval(() => {}, 1000);`;
  const args = ['--input-type=module', '--eval', code, place];
  return withProcess({ command: process.execPath, args }, async (run) => {
    const [, folder = ''] = await run.waitForLine(/^folder=(.*)$/);
    return fn(folder, run);
  });
}

/** A folder of a run that was killed. */
const leaveOne = (place: string): Promise<string> =>
  withRun(place, async (folder, run) => {
    run.kill('SIGKILL');
    await run.exit;
    return folder;
  });

/** Where /proc is missing nobody can say which process is gone, and nothing is removed. */
const canTell = pidSpace() !== '';

test('the folder is for this user alone, and is removed with what is in it', () =>
  withTempDir((place) => {
    const { path, remove } = createRunFolder('test', place);
    assert.is(statSync(path).mode & 0o777, 0o700);
    mkdirSync(`${path}/deep`);
    writeFileSync(`${path}/deep/file`, 'x');
    remove();
    assert.equal(readdirSync(place), []);
    remove();
  }));

test('the folder of a run that was killed is removed by the next one, and that of a living run stays', () =>
  withTempDir((place) =>
    withRun(place, async (living) => {
      const left = await leaveOne(place);
      assert.ok(existsSync(`${left}/key`));
      const own = createRunFolder('other', place);
      assert.is(existsSync(left), !canTell);
      assert.ok(existsSync(`${living}/key`), 'of a living run');
      createRunFolder('other', place);
      assert.ok(existsSync(own.path), 'of this run');
    }),
  ));

test('a process that has the id of one that was killed does not keep its folder', () =>
  withTempDir((place) => {
    const { path } = createRunFolder('test', place);
    // As if this process had started at another moment.
    const older = path.replace(/-(\d+)-(?=[0-9a-f]{8}-\w{6}$)/, (_, ticks: string) => `-${Number(ticks) - 1}-`);
    assert.is.not(older, path);
    renameSync(path, older);
    createRunFolder('test', place);
    assert.is(existsSync(older), !canTell);
  }));

test('what is not surely the folder of a killed run stays: links, other folders, other users, other machines and containers', () =>
  withTempDir(async (place) => {
    const outside = `${place}/precious`;
    mkdirSync(outside, { mode: 0o700 });
    writeFileSync(`${outside}/file`, 'x');
    const dead = basename(await leaveOne(place));
    // Takes that one away.
    createRunFolder('test', place).remove();
    // The same owner, with another ending.
    const named = (ending: string): string => `${place}/${dead.slice(0, -ending.length)}${ending}`;
    const stay: string[] = [outside];
    const add = (path: string): string => {
      stay.push(path);
      return path;
    };
    symlinkSync(outside, add(named('link')));
    writeFileSync(add(named('file')), '', { mode: 0o600 });
    mkdirSync(add(named('group')));
    chmodSync(named('group'), 0o750);
    mkdirSync(add(`${place}/${dead.replace(/-[0-9a-f]{8}(?=-\w{6}$)/, '-00000000')}`), { mode: 0o700 });
    mkdirSync(add(`${place}/${dead}-and-more`), { mode: 0o700 });
    mkdirSync(add(`${place}/my-${dead}`), { mode: 0o700 });
    mkdirSync(add(`${place}/meercat-test-AbCdEf`), { mode: 0o700 });
    if (process.getuid?.() === 0) {
      mkdirSync(add(named('user')), { mode: 0o700 });
      chownSync(named('user'), 65_534, 65_534);
    }
    // Of this user and with such a name: it goes, and a link in it leads to nothing that goes too.
    const left = named('gone');
    mkdirSync(left, { mode: 0o700 });
    symlinkSync(outside, `${left}/link`);
    createRunFolder('test', place);
    assert.is(existsSync(left), !canTell);
    for (const path of stay) assert.ok(existsSync(path), path);
    assert.ok(existsSync(`${outside}/file`));
  }));

test.run();
