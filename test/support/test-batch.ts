// Runs several test files in this process, one after the other: node dist/test/support/test-batch.js FILE… What they
// import is loaded once, which costs many of them more than their tests. Each file has a summary of its own, after a
// line that names it; the runner judges them one by one (test-file.ts).

import { pathToFileURL } from 'node:url';
import { FILE_MARK, FILES_FAILED } from './batch-marks.js';

// What uvu keeps in globalThis.
declare global {
  /** Set before uvu is loaded: suites wait for exec. */
  // oxlint-disable-next-line no-var -- only var declares a property of globalThis
  var UVU_DEFER: number;
  /** Suites that wait, by group. */
  // oxlint-disable-next-line no-var -- as above
  var UVU_QUEUE: [name: string | null, ...suites: unknown[]][];
}

/** Runs the files in order. Rejects with what one of them throws outside its tests. */
async function runFiles(paths: readonly string[]): Promise<void> {
  globalThis.UVU_DEFER = 1;
  const { exec } = await import('uvu');
  globalThis.UVU_QUEUE = [[null]];
  let hasFailed = false;
  for (const path of paths) {
    process.stdout.write(`\n${FILE_MARK}${Math.round(performance.now())} ${path}\n`);
    await import(pathToFileURL(path).href);
    await exec();
    hasFailed ||= Number(process.exitCode ?? 0) !== 0;
    process.exitCode = undefined;
    globalThis.UVU_QUEUE = [[null]];
  }
  process.exitCode = hasFailed ? FILES_FAILED : 0;
  process.once('beforeExit', () => {
    if ((globalThis.UVU_QUEUE[0]?.length ?? 0) > 1) throw new Error('a suite called run() after its file had ended: it was not run');
  });
}

await runFiles(process.argv.slice(2));
