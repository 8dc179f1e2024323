// The rules of RFC 9113 and RFC 7541 as cases: frames that a client sends to a balancer, and what must come back. Each
// case has a connection of its own, once over TLS and once by prior knowledge (`--h2c`), to one real balancer.

import * as assert from 'uvu/assert';
import { errorCodeOf, FRAME, type Http2Error, nameOfError } from '../../lib/traffic/wire/http2-frames.js';
import { withServer } from './brackets.js';
import { withCertificates } from './certificates.js';
import { type TestBalancer, withBalancer } from './fleet.js';
import { OPENING, type RawHttp2, withRawHttp2 } from './http2-frames.js';

/** What must come back. */
export interface Expectation {
  /** GOAWAY with this error, or one of several that the RFC leaves open, and the end of the connection. */
  readonly goaway?: Http2Error | readonly Http2Error[];
  /** RST_STREAM with this error, and the connection still serves. */
  readonly reset?: Http2Error;
  /** A stream error that may be treated as one of the connection (section 5.4.1): RST_STREAM or GOAWAY with it. */
  readonly either?: Http2Error;
  /** An answer with this status, and the connection still serves. */
  readonly status?: number;
  /** The stream of `reset` and `status`; 1 by default. */
  readonly on?: number;
  /** The connection still serves. */
  readonly isServing?: true;
}

/** One case. */
export interface SpecCase extends Expectation {
  /** A sentence. */
  readonly name: string;
  /** What is sent after the opening, at once; or a function that sends and waits. */
  readonly send: Buffer | readonly Buffer[] | ((client: RawHttp2) => Promise<unknown>);
  /** What the client sends first: the preface and empty SETTINGS by default. */
  readonly opening?: Buffer;
  /** What else must hold when the rest does. */
  readonly check?: (client: RawHttp2) => unknown;
}

/** Whether node:http2 ignores priorities, as RFC 9113, section 5.3.2 lets it: from Node 22 on, also those that are malformed. */
export const ARE_PRIORITIES_IGNORED = Number.parseInt(process.versions.node, 10) >= 22;

/** The streams that a client may have open in the cases. */
export const MAX_STREAMS = 4;

/** What the cases' host got: methods and targets. */
export type Seen = readonly string[];

/** A balancer with TLS or without (then `ca` is undefined), in front of one host. */
async function withSpecBalancer(
  isTls: boolean,
  fn: (each: TestBalancer, ca: string | undefined, seen: Seen) => Promise<void>,
): Promise<void> {
  const seen: string[] = [];
  await withServer(
    (incoming, response) => {
      seen.push(`${incoming.method} ${incoming.url}`);
      incoming.resume();
      if (incoming.url === '/hang') return;
      incoming.on('end', () => response.end(incoming.url === '/hundred' ? 'x'.repeat(100) : 'ok'));
    },
    ({ url }) =>
      withCertificates(({ ca, certFile, keyFile }) =>
        withBalancer(
          {
            statics: [{ name: 'h', url }],
            maxStreams: MAX_STREAMS,
            ...(isTls ? { tlsCerts: [certFile], tlsKeys: [keyFile] } : { isH2cAccepted: true }),
          },
          (each) => fn(each, isTls ? ca : undefined, seen),
        ),
      ),
  );
}

/** Runs cases over TLS and without; fails with all that went wrong. @param check what the host must have got in the end */
export async function runCases(cases: readonly SpecCase[], check: (seen: Seen) => void = () => undefined): Promise<void> {
  for (const isTls of [false, true]) {
    // oxlint-disable-next-line no-await-in-loop -- one balancer at a time
    await withSpecBalancer(isTls, async ({ port, counter }, ca, seen) => {
      const failures: string[] = [];
      for (const each of cases) {
        // oxlint-disable-next-line no-await-in-loop -- one connection at a time: what the balancer counts belongs to one case
        const failure = await failureOf(each, port, ca);
        if (failure !== undefined) failures.push(`${each.name}: ${failure}`);
      }
      assert.equal(failures, [], ca === undefined ? 'in plain' : 'over TLS');
      assert.is(counter('internal_errors'), 0);
      check(seen);
    });
  }
}

async function failureOf(
  { send, opening = OPENING, ...expected }: SpecCase,
  port: number,
  ca: string | undefined,
): Promise<string | undefined> {
  try {
    await withRawHttp2(port, { ca, opening }, async (client) => {
      if (typeof send === 'function') await send(client);
      else client.send(...[send].flat());
      await expect(client, expected);
    });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function expect(
  client: RawHttp2,
  { goaway, reset, either, status, on = 1, isServing, check }: Expectation & Pick<SpecCase, 'check'>,
): Promise<void> {
  if (either !== undefined) {
    const { payload } = await client.frame('RST_STREAM or GOAWAY', ({ type }) => type === FRAME.rstStream || type === FRAME.goaway);
    same(nameOfError(payload.readUInt32BE(payload.length === 4 ? 0 : 4)), either);
    return;
  }
  if (reset !== undefined) {
    const { payload } = await client.frame('RST_STREAM', ({ type, streamId }) => type === FRAME.rstStream && streamId === on);
    same(nameOfError(payload.readUInt32BE(0)), reset);
  }
  if (status !== undefined) same(await client.status(on), status);
  if (goaway === undefined) {
    if (reset !== undefined || status !== undefined || isServing === true) await client.isServing();
  } else {
    const codes = [goaway].flat().map(errorCodeOf);
    const { payload } = await client.frame('GOAWAY', ({ type, payload: { length } }) => type === FRAME.goaway && length >= 8);
    const code = payload.readUInt32BE(4);
    if (!codes.includes(code)) throw new Error(`GOAWAY with ${nameOfError(code)}`);
    await client.closed();
  }
  await check?.(client);
}

function same(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} instead of ${String(expected)}`);
}
