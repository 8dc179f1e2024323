// A gigabyte up and a gigabyte down through a balancer as the command line runs it: every byte arrives, and the
// memory of the process stays flat.

import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until } from '../support/brackets.js';
import { ask } from '../support/http-client.js';
import { withMeercat } from '../support/meercat.js';
import { NO_REDIS } from '../support/fleet.js';

const test = suite('memory');

const SIZE = 2 ** 30;

/**
 * How much the whole process, all three threads, may grow: what is in flight on two connections (under 1 MiB) and the
 * young generation of the thread that carries it, which V8 lets grow to 16 MiB per semi-space. A body that is kept
 * would be forty times this. Measured: 3 to 11 MiB.
 */
const MAX_GROWTH = 24 * 2 ** 20;

/** By then a balancer has given back what only its start needed. */
const START_MS = 4000;

/** A body's bytes repeat, at a length that no buffer on the way has. */
const PERIOD = 1_000_003;
const PATTERN = Buffer.from(Array.from({ length: PERIOD }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
const TWICE = Buffer.concat([PATTERN, PATTERN]);

/** Counts the bytes of a body, and throws at the first that is wrong. */
function checker(): { readonly take: (bytes: Buffer) => number } {
  let taken = 0;
  return {
    take(bytes) {
      const from = taken % PERIOD;
      assert.ok(bytes.equals(TWICE.subarray(from, from + bytes.length)), `the bytes from ${taken} on`);
      taken += bytes.length;
      return taken;
    },
  };
}

/** Sends a body of the size, as fast as it is taken. */
function pour(socket: Socket): void {
  let sent = 0;
  const more = (): void => {
    while (sent < SIZE) {
      const part = PATTERN.subarray(0, Math.min(PERIOD, SIZE - sent));
      sent += part.length;
      if (!socket.write(part)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}

/** A host on a bare socket: gives the long body to a GET; takes one of a POST and says how long it was. */
async function withLongHost<T>(fn: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((socket) => {
    let check: ReturnType<typeof checker> | undefined;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (check !== undefined) {
        finish(check.take(bytes));
        return;
      }
      if (bytes.toString('latin1', 0, 4) === 'GET ') {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
        pour(socket);
        return;
      }
      check = checker();
      const end = bytes.indexOf('\r\n\r\n') + 4;
      finish(check.take(bytes.subarray(end)));
    });
    function finish(taken: number): void {
      if (taken === SIZE) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(taken).length}\r\n\r\n${taken}`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await fn(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
  }
}

/** Opens a connection, does what `fn` says on it, and resolves with what `fn` resolves with. */
function onSocket<T>(port: number, fn: (socket: Socket, resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', reject).on('close', () => reject(new Error('closed')));
    fn(socket, (value) => {
      resolve(value);
      socket.destroy();
    });
  });
}

const download = (port: number): Promise<number> =>
  onSocket(port, (socket, resolve) => {
    const check = checker();
    let head = '';
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.on('data', (bytes) => {
      let body = bytes;
      if (!head.includes('\r\n\r\n')) {
        head += bytes.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        body = Buffer.from(head.slice(end + 4), 'latin1');
        head = head.slice(0, end + 4);
      }
      if (check.take(body) === SIZE) resolve(SIZE);
    });
  });

const upload = (port: number): Promise<string> =>
  onSocket(port, (socket, resolve) => {
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${SIZE}\r\n\r\n`);
    pour(socket);
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const body = /\r\n\r\n(\d{10})$/.exec(text)?.[1];
      if (body !== undefined) resolve(body);
    });
  });

const rssOf = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

test('a gigabyte passes each way, byte for byte, and the process grows by less than 24 MiB', () =>
  withLongHost(async (url) => {
    const port = await freePort();
    const args = [
      'balancer',
      '--redis',
      NO_REDIS,
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--console-port',
      '0',
      '--log-level',
      'error',
      '--host',
      url,
    ];
    await withMeercat(args, async ({ pid }) => {
      // What the balancer answers itself tells that it serves.
      await until(
        () =>
          ask(port, { method: 'TRACE' }).then(
            ({ status }) => status === 405,
            () => false,
          ),
        { timeoutMs: 10_000 },
      );
      await sleep(START_MS);
      const atRest = rssOf(pid);
      let most = 0;
      const timer = setInterval(() => (most = Math.max(most, rssOf(pid))), 50);
      try {
        assert.is(await download(port), SIZE);
        assert.is(await upload(port), String(SIZE));
      } finally {
        clearInterval(timer);
      }
      assert.ok(most - atRest < MAX_GROWTH, `${most} bytes at most, ${atRest} at rest`);
    });
  }));

test.run();
