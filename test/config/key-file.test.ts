// The file with keys: noticed when it changes, also when it is replaced or when a link leads elsewhere, as Kubernetes does
// it; and never taken over when it can't be used.

import { rename, symlink, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openKeyFile, readKeyRing } from '../../lib/config/key-file.js';
import { MeercatError } from '../../lib/errors.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { until, withTempDir } from '../support/brackets.js';

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

test.run();
