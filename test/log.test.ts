// The line sink: files rotated under load, and readers that are slow, stuck, late or gone. In no case is a line
// duplicated or split, nothing blocks, and dropped lines are counted.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openLineSink } from '../lib/log.js';
import { until, withProcess, withTempDir } from './support/brackets.js';

const test = suite('log');

const never = (): never => {
  throw new Error('no line should be dropped here');
};

const RUN = '"$NODE" --input-type=module -e "$PROGRAM"';

const linesOf = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

/** A line of 200 bytes that starts with its number. */
const numbered = (number: number) => `${String(number).padEnd(199, '.')}\n`;

/** More than a sink and a pipe can buffer together. */
const TOO_MANY = 60_000;

async function flood(write: (line: string) => void): Promise<void> {
  for (let i = 0; i < TOO_MANY; i++) {
    write(numbered(i));
    if (i % 1000 === 0) await nextTurn();
  }
}

test('lines are appended to a file, and are written within about a second without a close', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    writeFileSync(file, 'before\n');
    const sink = openLineSink(file, never);
    sink.write('one\n');
    sink.write('two\n');
    await until(() => linesOf(file).length === 3);
    sink.write('three\n');
    await sink.close();
    assert.equal(linesOf(file), ['before', 'one', 'two', 'three']);
  });
});

test('a new file is accessible to its owner and group only', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    await openLineSink(file, never).close();
    assert.is(statSync(file).mode & 0o027, 0);
  });
});

test('rotation under load writes each line exactly once, in order, the later ones to the new file', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    const sink = openLineSink(file, never);
    let written = 0;
    for (let rotation = 0; rotation < 5; rotation++) {
      for (let turn = 0; turn < 20; turn++) {
        for (let i = 0; i < 150; i++) sink.write(numbered(written++));
        await nextTurn();
      }
      renameSync(file, `${file}.${rotation}`);
      for (let i = 0; i < 10; i++) sink.write(numbered(written++));
      sink.reopen();
      sink.write(numbered(written++));
      assert.ok(existsSync(file), 'the new file is there at once');
    }
    await sink.close();
    const files = [0, 1, 2, 3, 4].map((rotation) => linesOf(`${file}.${rotation}`));
    assert.equal(
      files.map(({ length }) => length),
      [3010, 3011, 3011, 3011, 3011],
    );
    assert.equal(
      [...files.flat(), ...linesOf(file)].map((line) => Number.parseInt(line, 10)),
      Array.from({ length: written }, (_, i) => i),
    );
  });
});

test('if a reopen fails, lines go on to the old file', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    const sink = openLineSink(file, never);
    sink.reopen();
    sink.reopen();
    sink.write('one\n');
    const moved = `${dir}-moved`;
    renameSync(dir, moved);
    try {
      sink.reopen();
      sink.write('two\n');
      await sink.close();
      sink.reopen();
      assert.equal(linesOf(join(moved, 'access.log')), ['one', 'two']);
    } finally {
      rmSync(moved, { recursive: true });
    }
  });
});

test('a file that can’t be opened is an error at the start', async () => {
  await withTempDir((dir) => {
    assert.throws(() => openLineSink(join(dir, 'nowhere', 'access.log'), never), /ENOENT/);
    assert.throws(() => openLineSink(dir, never), /EISDIR/);
  });
});

test('after the close lines are dropped and reported', async () => {
  await withTempDir(async (dir) => {
    let dropped = 0;
    const sink = openLineSink(join(dir, 'access.log'), () => dropped++);
    await sink.close();
    sink.write('late\n');
    assert.is(dropped, 1);
    await sink.close();
  });
});

test('a FIFO without a reader blocks nothing; a late reader gets whole lines in order', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'fifo');
    execFileSync('mkfifo', [file]);
    let dropped = 0;
    const health: unknown[] = [];
    const sink = openLineSink(
      file,
      () => dropped++,
      false,
      (each) => health.push(each),
    );
    const before = process.memoryUsage.rss();
    const started = performance.now();
    await flood((line) => sink.write(line));
    // Node's file I/O pool has four threads; none may block in a write.
    await Promise.all(Array.from({ length: 8 }, () => readFile('/dev/null')));
    assert.ok(performance.now() - started < 15_000, `took ${performance.now() - started} ms`);
    assert.ok(dropped > 0, 'some were dropped');
    assert.ok(process.memoryUsage.rss() - before < 64 << 20, 'memory is bounded');
    assert.equal(health, ['slow'], 'once');

    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // The last lines are dropped or not within the next second.
      const numbers = await drainFifo(reader, () => TOO_MANY - dropped);
      assert.equal(
        numbers.slice(0, 1000),
        Array.from({ length: 1000 }, (_, i) => i),
      );
      assert.ok(
        numbers.every((number, at) => at === 0 || number > (numbers[at - 1] as number)),
        'in order, none twice',
      );
      assert.is(numbers.length, TOO_MANY - dropped, 'each line was either read or counted as dropped');
      await until(() => health.length > 1, { what: 'the end of it' });
      assert.equal(health, ['slow', null]);
    } finally {
      closeSync(reader);
    }
    await sink.close();
  });
});

/** Reads this many numbered lines from a FIFO. */
async function drainFifo(fd: number, expected: () => number): Promise<number[]> {
  const chunk = Buffer.alloc(1 << 16);
  let text = '';
  await until(
    () => {
      try {
        const length = readSync(fd, chunk);
        text += chunk.toString('latin1', 0, length);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      return text.length >= expected() * 200;
    },
    { timeoutMs: 20_000, everyMs: 0, what: () => `${expected()} lines; there are ${text.length / 200}` },
  );
  const all = text.split('\n').slice(0, -1);
  assert.ok(
    all.every((line) => line.length === 199),
    'no line is torn',
  );
  return all.map((line) => Number.parseInt(line, 10));
}

test('a FIFO without a reader does not delay the close', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'fifo');
    execFileSync('mkfifo', [file]);
    const sink = openLineSink(file, () => undefined);
    await flood((line) => sink.write(line));
    const started = performance.now();
    await sink.close();
    assert.ok(performance.now() - started < 4000);
  });
});

test('a full disk drops lines, counts them, and breaks nothing', async () => {
  if (!existsSync('/dev/full')) return;
  let dropped = 0;
  const health: unknown[] = [];
  const sink = openLineSink(
    '/dev/full',
    () => dropped++,
    false,
    (each) => health.push((each as NodeJS.ErrnoException).code),
  );
  await flood((line) => sink.write(line));
  assert.ok(dropped > 0);
  await sink.close();
  assert.is(dropped, TOO_MANY, 'also those that were kept to the end');
  assert.equal(health, ['ENOSPC']);
});

for (const [what, redirection] of [
  ['full', '2>/dev/full'],
  ['a pipe that nobody reads', '2<>"$FIFO"'],
  ['closed', '2>&-'],
] as const) {
  test(`a standard error that is ${what} loses log lines, but blocks neither the process nor its exit`, async () => {
    if (what === 'full' && !existsSync('/dev/full')) return;
    await withTempDir(async (dir) => {
      const fifo = join(dir, 'fifo');
      execFileSync('mkfifo', [fifo]);
      const program = `
        const { createLog } = await import(${JSON.stringify(new URL('../lib/log.js', import.meta.url).href)});
        const log = createLog('info', 'test');
        for (let i = 0; i < 2000; i++) log('info', 'x'.repeat(200));
        setTimeout(() => {
          log('info', 'last');
          console.log('alive');
          process.exit(3);
        }, 300);`;
      const env = { FIFO: fifo, NODE: process.execPath, PROGRAM: program };
      await withProcess({ command: 'sh', args: ['-c', `exec ${RUN} ${redirection}`], env }, async (child) => {
        await child.waitForLine(/alive/, 15_000);
        assert.equal(await until(() => child.exit, { timeoutMs: 10_000 }), { code: 3, signal: null });
      });
    });
  });
}

interface Ended {
  readonly code: number | null;
  readonly dropped: number;
  readonly stderr: string;
}

/** A process that writes more lines to its standard output than fit, closes the sink and exits. */
async function floodStandardOutput(shell: string, isReaderGone = false, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const program = `
    const { openLineSink } = await import(${JSON.stringify(new URL('../lib/log.js', import.meta.url).href)});
    let dropped = 0;
    const sink = openLineSink('', () => dropped++);
    ${isReaderGone ? "await new Promise((resolve) => process.stdin.once('data', resolve)); process.stdin.destroy();" : ''}
    for (let i = 0; i < ${TOO_MANY}; i++) {
      sink.write('.'.repeat(199) + '\\n');
      if (i % 1000 === 0) await new Promise(setImmediate);
    }
    sink.reopen();
    await sink.close();
    console.error('dropped', dropped);`;
  const child = spawn('sh', ['-c', `exec ${shell}`], {
    stdio: 'pipe',
    env: { ...process.env, ...env, NODE: process.execPath, PROGRAM: program },
  });
  const killer = setTimeout(() => child.kill('SIGKILL'), 40_000);
  try {
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    if (isReaderGone) {
      child.stdout.destroy();
      await once(child.stdout, 'close');
      child.stdin.write('go\n');
    }
    const [code] = (await once(child, 'exit')) as [number | null];
    await until(() => child.stderr.closed || stderr.includes('dropped'));
    return { code, dropped: Number(/dropped (\d+)/.exec(stderr)?.[1]), stderr };
  } finally {
    clearTimeout(killer);
    child.kill('SIGKILL');
    child.stdout.destroy();
  }
}

test('a standard output without a reader, a socket, does not prevent a process from exiting', async () => {
  const { code, dropped, stderr } = await floodStandardOutput(RUN);
  assert.is(code, 0, stderr);
  assert.ok(dropped > 0 && dropped < TOO_MANY, stderr);
});

test('a standard output without a reader, a pipe, does not prevent a process from exiting', async () => {
  await withTempDir(async (dir) => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const { code, dropped, stderr } = await floodStandardOutput(`${RUN} 1<>"$FIFO"`, false, { FIFO: fifo });
    assert.is(code, 0, stderr);
    assert.ok(dropped > 0 && dropped < TOO_MANY, stderr);
  });
});

test('a reader of standard output that goes away (EPIPE) terminates no process; lines are counted as dropped', async () => {
  const { code, dropped, stderr } = await floodStandardOutput(RUN, true);
  assert.is(code, 0, stderr);
  assert.is(dropped, TOO_MANY, stderr);
});

test.run();
