// The buffers of reads and writes: a pending write's bytes are not overwritten before the system has taken them, whatever
// the order of reads, writes and ends; and a connection's own buffer returns to the pool.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Reads, writeBytes } from '../../../lib/traffic/wire/buffers.js';

const test = suite('buffers');

/** Enough to give a connection a buffer of its own. */
const MUCH = 40_000;

/** A way out whose writes the test takes when it likes. */
class SlowWay {
  writableLength = 0;
  readonly pending: { readonly bytes: Buffer; readonly onTaken: (() => void) | undefined }[] = [];
  /** Whether it takes everything at once. */
  isQuick = false;

  write(bytes: Buffer, onTaken?: () => void): boolean {
    if (this.isQuick) {
      queueMicrotask(() => onTaken?.());
      return true;
    }
    this.writableLength += bytes.length;
    this.pending.push({ bytes, onTaken });
    return false;
  }

  /** Takes the oldest write: gives its first byte, and whether all others are equal. */
  take(): readonly [first: number, isWhole: boolean] {
    const { bytes, onTaken } = this.pending.shift() as (typeof this.pending)[number];
    const seen: readonly [number, boolean] = [bytes[0] as number, bytes.every((byte) => byte === bytes[0])];
    this.writableLength -= bytes.length;
    onTaken?.();
    return seen;
  }
}

/** As a socket reads: fills the memory with a byte, and asks where the next read goes. */
function read(reads: Reads, length: number, byte: number): Buffer {
  const { memory } = reads;
  memory.fill(byte, 0, length);
  reads.onRead(length);
  reads.takeMoved();
  return memory;
}

test('bytes written and not yet taken are not overwritten, however many reads follow', () => {
  const way = new SlowWay();
  const reads = new Reads((bytes) => (writeBytes(way, bytes), true), true);
  const other = new Reads((bytes) => (writeBytes(way, bytes), true), true);
  for (let i = 1; i <= 60; i++) {
    read(reads, MUCH, i);
    read(other, i % 3 === 0 ? 100 : MUCH, 100 + i);
  }
  for (let i = 1; i <= 60; i++) {
    assert.equal(way.take(), [i, true]);
    assert.equal(way.take(), [100 + i, true]);
  }
  reads.end();
  other.end();
});

test('a buffer written in several parts is held until the last part is taken', () => {
  const way = new SlowWay();
  const reads = new Reads((bytes) => {
    writeBytes(way, bytes.subarray(0, 10_000));
    writeBytes(way, bytes.subarray(10_000));
    return true;
  }, true);
  for (let i = 1; i <= 8; i++) read(reads, MUCH, i);
  for (let i = 1; i <= 8; i++)
    assert.equal(
      [way.take(), way.take()],
      [
        [i, true],
        [i, true],
      ],
    );
  reads.end();
});

test('a connection reads into the same buffer again if its writes are taken at once', () => {
  const way = new SlowWay();
  way.isQuick = true;
  const reads = new Reads((bytes) => (writeBytes(way, bytes), true), true);
  const [shared, own, same] = [read(reads, MUCH, 1), read(reads, MUCH, 2), read(reads, MUCH, 3)];
  assert.is.not(own, shared);
  assert.is(same, own);
  reads.end();
});

test('a connection returns to the shared buffer after a small read, or when nothing more is expected', () => {
  let isMoreExpected = true;
  const reads = new Reads(() => isMoreExpected, true);
  const shared = reads.memory;
  read(reads, MUCH, 1);
  assert.is.not(reads.memory, shared);
  read(reads, 100, 1);
  assert.is(reads.memory, shared);
  read(reads, MUCH, 1);
  isMoreExpected = false;
  read(reads, MUCH, 1);
  assert.is(reads.memory, shared);
});

test('a socket that does not ask where to read next stays with the shared buffer, and its bytes are copied', () => {
  const way = new SlowWay();
  const reads = new Reads((bytes) => (writeBytes(way, bytes), true), false);
  const { memory } = reads;
  for (let i = 1; i <= 4; i++) assert.is(read(reads, MUCH, i), memory);
  for (let i = 1; i <= 4; i++) assert.equal(way.take(), [i, true]);
});

test('at most 128 connections have a buffer of their own; the others use the shared one, and freed buffers are reused', () => {
  for (let round = 0; round < 2; round++) {
    const all = Array.from({ length: 200 }, () => new Reads(() => true, true));
    const shared = (all[0] as Reads).memory;
    for (const reads of all) read(reads, MUCH, 1);
    assert.is(all.filter(({ memory }) => memory !== shared).length, 128);
    for (const reads of all) reads.end();
  }
});

test('a buffer held by writes after its connection has ended returns to the pool with the last write', () => {
  const way = new SlowWay();
  for (let i = 0; i < 128; i++) {
    let isWritten = false;
    const reads = new Reads((bytes) => {
      if (isWritten) writeBytes(way, bytes);
      return true;
    }, true);
    read(reads, MUCH, 1);
    isWritten = true;
    read(reads, MUCH, 2);
    reads.end();
  }
  const late = new Reads(() => true, true);
  const { memory: shared } = late;
  read(late, MUCH, 3);
  assert.is(late.memory, shared, 'all of it is held');
  assert.is(way.pending.length, 128);
  while (way.pending.length > 0) assert.equal(way.take(), [2, true]);
  read(late, MUCH, 3);
  assert.is.not(late.memory, shared);
  late.end();
});

test.run();
