// What libraries print on the console and what Node.js warns of becomes log lines, each text once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { captureConsole } from '../lib/library-output.js';

const test = suite('library output');

/** Runs `fn` with a captured console, which is given back afterwards; gives the log's lines. */
async function linesOf(fn: () => void | Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const before = { ...console };
  const listeners = process.listeners('warning');
  captureConsole((level, message, fields) => void lines.push(`${level} ${message}: ${String(fields?.['text'])}`));
  try {
    await fn();
  } finally {
    Object.assign(console, before);
    process.removeAllListeners('warning');
    for (const listener of listeners) process.on('warning', listener);
  }
  return lines;
}

test('each way to print has its level, and many lines become one', async () => {
  assert.equal(
    await linesOf(() => {
      console.warn('INFO %s', 'fails', { a: 1 });
      console.error(`Unhandled\n    at one\n  at two`);
      console.log('plain');
      console.debug('detail');
    }),
    [
      'warn a library says: INFO fails { a: 1 }',
      'error a library says: Unhandled at one at two',
      'info a library says: plain',
      'debug a library says: detail',
    ],
  );
});

test('a text that is repeated is logged once, at most 100 different ones are, and long ones are cut', async () => {
  assert.equal(
    (
      await linesOf(() => {
        for (let i = 0; i < 1000; i++) console.warn('again');
      })
    ).length,
    1,
  );
  assert.equal(
    (
      await linesOf(() => {
        for (let i = 0; i < 1000; i++) console.warn(`text ${i}`);
      })
    ).length,
    100,
  );
  assert.ok(((await linesOf(() => console.warn('x'.repeat(100_000))))[0] as string).length < 1100);
});

test('a warning of Node.js is a line too', async () => {
  assert.equal(
    await linesOf(async () => {
      process.emitWarning('too many listeners', 'MaxListenersExceededWarning');
      await new Promise((resolve) => setImmediate(resolve));
    }),
    ['warn a library says: MaxListenersExceededWarning: too many listeners'],
  );
});

test.run();
