// A gigabyte down and a gigabyte up over HTTP/2, in one stream and in a hundred at once, through a balancer as the command
// line runs it: all bytes arrive, and the memory of the process stays flat.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withServer } from '../../support/brackets.js';
import { NO_REDIS } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';
import { withMeercat } from '../../support/meercat.js';

const test = suite('http2-memory');

const MIB = 2 ** 20;
const TOTAL_MIB = 1024;
const STREAMS = 100;

/** What may be in flight in a hundred streams (256 KiB in each direction of each) and the young generation of V8. Measured: 77 MiB. */
const MAX_GROWTH_MIB = (STREAMS * 2 * 256) / 1024 + 3 * 32;

/** By then a balancer has given back what only its start needed. */
const START_MS = 4000;

const PART = Buffer.alloc(MIB, 'x');

/** Writes so many parts, as they are taken, and ends. */
function pour(
  to: { write(part: Buffer): boolean; once(event: 'drain', listener: () => void): unknown; end(): unknown },
  parts: number,
): void {
  let left = parts;
  const more = (): void => {
    for (; left > 0; left--) {
      if (to.write(PART)) continue;
      left--;
      to.once('drain', more);
      return;
    }
    to.end();
  };
  more();
}

async function download(session: ClientHttp2Session, mib: number): Promise<void> {
  const stream = session.request({ ':path': `/${mib}` });
  let bytes = 0;
  stream.on('data', (part: Buffer) => (bytes += part.length));
  await once(stream, 'close');
  assert.is(bytes, mib * MIB);
}

async function upload(session: ClientHttp2Session, mib: number): Promise<void> {
  const stream = session.request({ ':method': 'POST' });
  let answer = '';
  stream.setEncoding('latin1').on('data', (part: string) => (answer += part));
  pour(stream, mib);
  await once(stream, 'close');
  assert.is(answer, String(mib * MIB));
}

const rssMib = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('a gigabyte each way, in one stream and in a hundred, arrives whole and leaves memory flat', () =>
  withServer(
    (incoming, response) => {
      if (incoming.method === 'GET') return pour(response, Number(incoming.url?.slice(1)));
      let bytes = 0;
      incoming.on('data', (part: Buffer) => (bytes += part.length));
      incoming.on('end', () => response.end(String(bytes)));
    },
    async ({ url }) => {
      const [port, consolePort] = [await freePort(), await freePort()];
      const args = ['balancer', '--port', String(port), '--console-port', String(consolePort), '--host', url, '--redis', NO_REDIS, '--h2c'];
      await withMeercat(args, async ({ pid }) => {
        // What the balancer answers itself shows that it serves.
        const serves = (): Promise<boolean> =>
          ask(port, { method: 'TRACE' }).then(
            ({ status }) => status === 405,
            () => false,
          );
        await until(serves, { timeoutMs: 10_000 });
        await sleep(START_MS);
        const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 });
        await once(session, 'connect');
        session.setLocalWindowSize(16 * MIB);
        const before = rssMib(pid);
        let peak = 0;
        const timer = setInterval(() => (peak = Math.max(peak, rssMib(pid))), 50);
        try {
          await download(session, TOTAL_MIB);
          await upload(session, TOTAL_MIB);
          const each = Math.floor(TOTAL_MIB / STREAMS);
          await Promise.all(Array.from({ length: STREAMS }, () => download(session, each)));
          await Promise.all(Array.from({ length: STREAMS }, () => upload(session, each)));
        } finally {
          clearInterval(timer);
          session.destroy();
        }
        assert.ok(peak - before < MAX_GROWTH_MIB, `grew by ${Math.round(peak - before)} MiB`);
      });
    },
  ));

test.run();
