// The file with keys: noticed when it changes, also when it is replaced or when a link leads elsewhere, as Kubernetes does
// it; and never taken over when it can't be used.

import { chmod, chown, rename, symlink, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openKeyFile, readKeyRing } from '../../lib/config/key-file.js';
import { MeercatError } from '../../lib/errors.js';
import { findProgram } from '../../lib/lab/processes.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { until, withProcess, withTempDir } from '../support/brackets.js';

const test = suite('key file');

const FLEET = { flag: '--fleet-key', kinds: ['fleet'] } as const;

test('without a file there is no key; one that is missing, no file, or empty is refused by its flag', () =>
  withTempDir(async (dir) => {
    assert.not.ok(readKeyRing({ ...FLEET, file: '' }).isKeyed);
    await writeFile(`${dir}/empty`, '');
    await writeFile(`${dir}/large`, `#${'x'.repeat(20_000)}`);
    for (const [name, reason] of [
      ['missing', 'there is no such file'],
      ['.', 'it is a directory, not a file'],
      ['empty', 'it holds no key: meercat fleet-key new prints one'],
      ['large', 'it is larger than 16KiB'],
    ] as const)
      assert.throws(
        () => readKeyRing({ ...FLEET, file: `${dir}/${name}` }),
        (error: unknown) =>
          error instanceof MeercatError && error.code === 'MEERCAT_BAD_CONFIG' && error.message === `--fleet-key ${dir}/${name}: ${reason}`,
        name,
      );
  }));

test('a file that changes is read again without being told, however it is replaced; what is no key is said once and not taken', () =>
  withTempDir(async (dir) => {
    const [one, two, three] = [newFleetKey(), newFleetKey(), newFleetKey()];
    await writeFile(`${dir}/v1`, one);
    await symlink(`${dir}/v1`, `${dir}/key`);
    const lines: string[] = [];
    const texts: string[] = [];
    const file = openKeyFile(
      { ...FLEET, file: `${dir}/key` },
      (level, message, fields) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
    );
    file.watch((text) => void texts.push(text));
    try {
      const idOf = (text: string): string => new KeyRing('', text).ids.join();
      assert.match(lines.join('\n'), new RegExp(`info the fleet key was read .*"keys":"${idOf(one)}"`));
      assert.is(file.text, one);
      const says = (like: RegExp): Promise<unknown> =>
        until(() => lines.some((line) => like.test(line)), { timeoutMs: 20_000, what: () => `${like}:\n${lines.join('\n')}` });
      // As Kubernetes replaces a Secret.
      await writeFile(`${dir}/v2`, two);
      await symlink(`${dir}/v2`, `${dir}/key.new`);
      await rename(`${dir}/key.new`, `${dir}/key`);
      await says(new RegExp(`read again .*"keys":"${idOf(two)}"`));
      await writeFile(`${dir}/v2`, 'half a ke');
      await says(/error the fleet key could not be read again: the old one stays/);
      assert.is(file.text, two);
      assert.throws(() => file.reload(), /--fleet-key .*: line 1/);
      await writeFile(`${dir}/v2`, `accept-unsigned\n${three}`);
      await says(new RegExp(`read again .*"keys":"${idOf(three)}"`));
      await says(/warn unsigned messages are still accepted/);
      assert.equal(texts, [two, `accept-unsigned\n${three}`]);
      for (const key of [one, two, three]) assert.not.ok(lines.join('\n').includes(key));
    } finally {
      file.close();
    }
  }));

/** The warnings of modes after the file was opened and, with the other text, read again. */
async function warningsOf(dir: string, mode: number, prepare: (file: string) => Promise<void> = async () => undefined): Promise<string[]> {
  const path = `${dir}/${mode.toString(8)}`;
  await writeFile(path, newFleetKey());
  await chmod(path, mode);
  await prepare(path);
  await symlink(path, `${path}.link`);
  const lines: string[] = [];
  const file = openKeyFile(
    { ...FLEET, file: `${path}.link` },
    (level, message, fields) => void (/every user/.test(message) && lines.push(`${level} ${JSON.stringify(fields)}`)),
  );
  try {
    await chmod(path, mode | 0o200);
    await writeFile(path, newFleetKey());
    file.reload();
  } finally {
    file.close();
  }
  return lines;
}

test('a key file that every user of the machine can read is warned of once, and is used; one for a group is not', () =>
  withTempDir(async (dir) => {
    for (const mode of [0o644, 0o604, 0o664])
      assert.equal(await warningsOf(dir, mode), [`warn {"file":"${dir}/${mode.toString(8)}.link","mode":"0${mode.toString(8)}"}`]);
    for (const mode of [0o600, 0o400, 0o640, 0o660, 0o611]) assert.equal(await warningsOf(dir, mode), [], mode.toString(8));
  }));

test('a key file of another user, as secrets are mounted, is not warned of', async () => {
  // Only root can give a file away.
  if (process.getuid?.() !== 0) return;
  await withTempDir(async (dir) => {
    assert.equal(await warningsOf(dir, 0o644, (file) => chown(file, 65_534, 65_534)), []);
  });
});

test('a key file on a mount that is read-only, as Kubernetes mounts a Secret for root, is not warned of', async () => {
  await withTempDir(async (dir) => {
    await writeFile(`${dir}/key`, newFleetKey());
    await chmod(`${dir}/key`, 0o644);
    const module = new URL('../../lib/config/readable-by-others.js', import.meta.url).href;
    const ask = `const { modeOpenToOthers } = await import('${module}'); console.log('mode=' + modeOpenToOthers(process.argv[1]));`;
    const script = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || { echo none; exit; }
"$2" --input-type=module --eval "$3" "$1/key"; umount "$1"`;
    const asked = (args: readonly string[]): Promise<string> =>
      withProcess(
        { command: args[0] as string, args: args.slice(1) },
        async (child) => (await child.waitForLine(/^(?:mode=.*|none|unshare.*)$/))[0],
      );
    assert.is(await asked([process.execPath, '--input-type=module', '--eval', ask, `${dir}/key`]), 'mode=0644');
    // A mount of its own, which nobody else sees; where this user may make none there is nothing to try.
    const mounted =
      findProgram('unshare') === undefined ? 'none' : await asked(['unshare', '-m', 'sh', '-c', script, 'sh', dir, process.execPath, ask]);
    assert.ok(mounted === 'mode=' || /^none$|^unshare/.test(mounted), mounted);
  });
});

test.run();
