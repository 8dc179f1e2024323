// A request with a body that a host of HTTP/2 did not process is sent again, body and all, as long as all of it is kept
// and no answer has begun.

import type { ServerHttp2Stream } from 'node:http2';
import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeptBody } from '../../../lib/traffic/request/kept-body.js';
import { until } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';
import { answer, type Http2Host, withHttp2Host } from '../../support/http2-host.js';

const test = suite('kept bodies');

const REFUSED_STREAM = 7;
const WINDOW = 65_535;

test('what was read is kept, until it is too much or an answer begins', () => {
  const kept = new KeptBody();
  const bytes = Buffer.from('one');
  kept.add(bytes);
  bytes.fill('x');
  kept.add(Buffer.from('two'));
  assert.equal([kept.isComplete, Buffer.concat(kept.parts).toString(), kept.trailers], [true, 'onetwo', undefined]);
  kept.end(['a', 'b']);
  assert.equal(kept.trailers, ['a', 'b']);
  kept.drop();
  assert.equal([kept.isComplete, kept.parts.length], [false, 0]);

  const long = new KeptBody();
  long.add(Buffer.alloc(WINDOW));
  assert.ok(long.isComplete);
  long.add(Buffer.alloc(1));
  assert.equal([long.isComplete, long.parts.length], [false, 0]);
  long.add(Buffer.alloc(1));
  assert.is(long.parts.length, 0);
});

/** Two hosts, of which the first to be asked does `first` with its request when `bytes` of it have come. The other answers with the body. */
function withRefusing(
  first: (stream: ServerHttp2Stream) => void,
  bytes: number,
  fn: (port: number, asked: () => number, counter: (name: string) => number) => Promise<void>,
): Promise<void> {
  let asked = 0;
  const handler = (stream: ServerHttp2Stream): void => {
    if (asked++ > 0) {
      void textOf(stream).then((body) => answer(stream, `${body.length} ${body.slice(0, 20)}`));
      return;
    }
    let came = 0;
    stream.on('data', (part: Buffer) => {
      came += part.length;
      if (came >= bytes) first(stream);
    });
  };
  return withHttp2Host(handler, (one) =>
    withHttp2Host(handler, (other) => {
      const statics = [one, other].map(({ url }: Http2Host, i) => ({ name: `h${i}`, url }));
      return withBalancer({ statics, retryBudgetPercent: 100 }, ({ port, counter }) =>
        fn(port, () => asked, counter as (name: string) => number),
      );
    }),
  );
}

const refuse = (stream: ServerHttp2Stream): void => stream.close(REFUSED_STREAM);

test('a POST that a host refuses after its body came is sent to another host, with its body', () =>
  withRefusing(refuse, 5, async (port, asked, counter) => {
    const { status, body } = await ask(port, { method: 'POST', body: 'hello' });
    assert.equal([status, body, asked()], [200, '5 hello', 2]);
    assert.equal([counter('retries_unprocessed'), counter('requests_failed')], [1, 0]);
  }));

test('a body whose rest comes after the refusal arrives whole', () =>
  withRefusing(refuse, 5, async (port, asked) => {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', agent: false });
    const answered = new Promise<string>((resolve, reject) => {
      outgoing.on('error', reject).on('response', (incoming) => resolve(textOf(incoming)));
    });
    outgoing.write('hello');
    await until(() => asked() === 2, { what: 'the second host' });
    outgoing.end(' world');
    assert.is(await answered, '11 hello world');
  }));

test('a body that is longer than what is kept is not sent again', () =>
  withRefusing(refuse, WINDOW + 1, async (port, asked, counter) => {
    const { status } = await ask(port, { method: 'POST', body: 'x'.repeat(WINDOW + 1) });
    assert.equal([status, asked(), counter('retries_unprocessed')], [502, 1, 0]);
  }));

test('a POST that a host may have processed is not sent again', () =>
  withRefusing(
    (stream) => stream.close(2),
    5,
    async (port, asked) => {
      const { status } = await ask(port, { method: 'POST', body: 'hello' });
      assert.equal([status, asked()], [502, 1]);
    },
  ));

test('a POST that a connection leaves behind with GOAWAY is sent on another connection to the same host', () => {
  let asked = 0;
  return withHttp2Host(
    (stream) => {
      asked++;
      if (asked !== 2) void textOf(stream).then((body) => answer(stream, body));
      // The first request was the last one.
      else stream.on('data', () => stream.session?.goaway(0, 1));
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], retryBudgetPercent: 0 }, async ({ port, counter }) => {
        assert.is((await ask(port, { method: 'POST', body: 'first' })).body, 'first');
        assert.is((await ask(port, { method: 'POST', body: 'second' })).body, 'second');
        assert.equal([asked, counter('requests_failed'), counter('hosts_reset')], [3, 0, 0]);
      }),
  );
});

test.run();
