// Several processes that share one output, as with `meercat balancer --processes`: each line stays whole, in a file, in a
// pipe with a slow reader, and in a socket.

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withTempDir } from './support/brackets.js';

const test = suite('shared output');

const LINES = 5000;
const WRITERS = ['a', 'b', 'c'];

/** Writes its letter in lines of several lengths, all at once. */
const PROGRAM = `
  const { openLineSink } = await import('${new URL('../lib/log.js', import.meta.url)}');
  const sink = openLineSink(process.env.FILE, () => {}, true);
  for (let i = 0; i < ${LINES}; i++) {
    sink.write(process.env.LETTER.repeat(100 + (i * 37) % 300) + '\\n');
    if (i % 500 === 0) await new Promise(setImmediate);
  }
  await sink.close();`;

const RUN = WRITERS.map((letter) => `LETTER=${letter} "$NODE" --input-type=module -e "$PROGRAM" &`).join(' ');

/** Every line is of one letter and of a length that was written; how many there are of each letter. */
function countOf(text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of text.split('\n').slice(0, -1)) {
    assert.match(line, /^(a+|b+|c+)$/);
    assert.ok(line.length >= 100 && line.length < 400, `a line of ${line.length}`);
    counts[line[0] as string] = (counts[line[0] as string] ?? 0) + 1;
  }
  return counts;
}

function run(script: string, env: Record<string, string>): void {
  execFileSync('sh', ['-c', script], {
    env: { ...process.env, NODE: process.execPath, PROGRAM, FILE: '', ...env },
    timeout: 60_000,
    stdio: 'ignore',
  });
}

test('in a file', () =>
  withTempDir((dir) => {
    const file = join(dir, 'access.log');
    run(`${RUN} wait`, { FILE: file });
    assert.equal(countOf(readFileSync(file, 'utf8')), { a: LINES, b: LINES, c: LINES });
  }));

test('in a pipe, whose reader takes little at a time', () =>
  withTempDir((dir) => {
    const out = join(dir, 'out');
    run(`{ ${RUN} wait; } | dd bs=1500 of="$OUT"`, { OUT: out });
    const counts = countOf(readFileSync(out, 'utf8'));
    for (const letter of WRITERS) assert.ok((counts[letter] ?? 0) > 100, JSON.stringify(counts));
  }));

test('in a socket, as journald hands out', async () => {
  // What Node.js calls a pipe is a socket.
  const child = spawn('sh', ['-c', `${RUN} wait`], {
    env: { ...process.env, NODE: process.execPath, PROGRAM, FILE: '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  const counts = countOf(text);
  for (const letter of WRITERS) assert.ok((counts[letter] ?? 0) > 100, JSON.stringify(counts));
});

test.run();
