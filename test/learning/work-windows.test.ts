// Windows of reports and the requests in them: what becomes a record, and the bounds of memory.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WorkWindows } from '../../lib/learning/work-windows.js';

const test = suite('work windows');

/** Reports of one host, one each `everyMs` (1 s): CPU in use (0..1) of four cores. */
function report(windows: WorkWindows, host: string, cpus: readonly number[], everyMs = 1000, fromMs = 0): void {
  for (const [index, cpu] of cpus.entries())
    windows.report(host, { cpuMs: cpu * 4 * everyMs, cores: 4 }, fromMs + index * everyMs, everyMs);
}

test('a record is the difference of two windows; a saturated window makes none', () => {
  const windows = new WorkWindows();
  report(windows, 'h', [0.5, 0.5, 0.25, 0.75, 0.5, 0.5]);
  const { size, cpu, level } = windows.records;
  assert.is(size, 2, 'the first report opens a window, two windows are incomplete, and a difference needs two');
  assert.equal([...cpu.subarray(0, 2)], [-1, 2]);
  assert.equal([...level.subarray(0, 2)], [1.5, 2]);
  const full = new WorkWindows();
  report(full, 'h', [0.5, 0.5, 0.98, 0.5, 0.98, 0.5, 0.5]);
  assert.is(full.records.size, 0);
});

test('a request that ends in a later window counts in those in which it was in flight', () => {
  const windows = new WorkWindows();
  report(windows, 'h', [0.5, 0.5, 0.5]);
  // From 500 to 2500 ms: a quarter in the first window, half in the second, a quarter in the open one.
  windows.finished('h', 1, 8, 2000, 2500, 0);
  report(windows, 'h', [0.5, 0.5, 0.5, 0.5], 1000, 3000);
  const { size, width, counts } = windows.records;
  const differences = Array.from({ length: size }, (_, row) => Math.round(1000 * (counts[row * width + 1] as number)));
  assert.equal(differences, [2, -2, -2]);
});

test('reports in quick succession are merged into windows of about a second', () => {
  const windows = new WorkWindows();
  report(
    windows,
    'h',
    Array.from({ length: 101 }, () => 0.5),
    100,
  );
  const { size, windowMs } = windows.records;
  assert.ok(size >= 7 && size <= 10, `${size} records of 10 s`);
  assert.ok([...windowMs.subarray(0, size)].every((ms) => ms >= 900 && ms <= 1000));
});

test('of a thousand hosts 256 are tracked, and a thousand records are kept', () => {
  const windows = new WorkWindows();
  for (let host = 0; host < 1000; host++)
    report(
      windows,
      `h${host}`,
      Array.from({ length: 14 }, () => 0.5),
    );
  assert.is(windows.hosts, 256);
  assert.is(windows.records.size, 1000);
  windows.turn(80_000);
  assert.is(windows.hosts, 0, 'silent hosts are dropped');
});

test('records keep their figures when more rows and classes need room, and a class that gives up its column leaves nothing', () => {
  const windows = new WorkWindows();
  const columns = [1, 7, 8, 40, 63];
  for (let second = 0; second < 150; second++) {
    // One class after the other appears.
    const column = columns[Math.min(4, Math.floor(second / 30))] as number;
    windows.finished('h', column, 10 + (second % 2) * 10, 1, 1000 * second, 1);
    report(windows, 'h', [0.5], 1000, 1000 * second);
  }
  const { records } = windows;
  assert.equal([records.size, records.width], [146, 64]);
  const rowsOf = (column: number) =>
    Array.from({ length: records.size }, (_, row) => records.counts[row * records.width + column] as number).filter((count) => count !== 0);
  for (const column of columns)
    assert.ok(rowsOf(column).length > 25 && rowsOf(column).every((count) => Math.abs(count) <= 0.0201), `${column}`);
  assert.equal(rowsOf(2), []);
  windows.clear(8);
  assert.equal([rowsOf(8), rowsOf(7).length > 25], [[], true]);
});

test.run();
