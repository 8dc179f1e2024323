// Calls of gRPC through a balancer, by a real client and to a real host: the four kinds, statuses, metadata, big messages,
// many calls at once, and a client that does not read.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Metadata } from '@grpc/grpc-js';
import type { BalancerConfig } from '../../../lib/config/config.js';
import { openTable } from '../../../lib/table/layout.js';
import { until, withServer } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { SLOW_MS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { type GrpcClient, withGrpcClient } from '../../support/grpc-client.js';
import { echoMethods, type GrpcHost, type GrpcMethods, withGrpcHost } from '../../support/grpc-host.js';

const test = suite('gRPC');

/** A host, a balancer in plain before it, and a client. */
function withCalls(
  methods: GrpcMethods,
  fn: (client: GrpcClient, host: GrpcHost, balancer: TestBalancer) => Promise<void>,
  overrides: Partial<BalancerConfig> = {},
): Promise<void> {
  return withGrpcHost(methods, (host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], isH2cAccepted: true, ...overrides }, (balancer) =>
      withGrpcClient(balancer.port, (client) => fn(client, host, balancer)),
    ),
  );
}

const texts = (replies: readonly Buffer[]): string[] => replies.map(String);

/** Calls of all four kinds, each with what must come back. */
async function callAll(client: GrpcClient): Promise<void> {
  const unary = await client.unary('hello').end;
  assert.equal([unary.code, texts(unary.replies)], [0, ['h: hello']], unary.details);

  const sending = client.clientStream();
  for (const part of ['a', 'b', 'c']) sending.send(part);
  sending.finish();
  const sent = await sending.end;
  assert.equal([sent.code, texts(sent.replies)], [0, ['h: abc']], sent.details);

  const received = await client.serverStream('3').end;
  assert.equal([received.code, texts(received.replies)], [0, ['h: 0', 'h: 1', 'h: 2']], received.details);

  // Each message is answered before the next one is sent.
  const both = client.bidi();
  for (let i = 0; i < 3; i++) {
    both.send(String(i));
    await until(() => both.replies.length === i + 1, { timeoutMs: SLOW_MS, what: `reply ${i}` });
  }
  both.finish();
  const answered = await both.end;
  assert.equal([answered.code, texts(answered.replies)], [0, ['h: 0', 'h: 1', 'h: 2']], answered.details);
}

test('unary, client, server and bidirectional streaming work in plain', () =>
  withCalls(echoMethods('h'), async (client, host, { counter }) => {
    await callAll(client);
    assert.is(host.calls, 4);
    assert.equal([counter('requests_http2'), counter('hosts_requests_http2'), counter('requests_failed')], [4, 4, 0]);
  }));

test('they work with TLS on both sides', () =>
  withCertificates(({ ca, caFile, certFile, keyFile, issue }) =>
    withGrpcHost(
      echoMethods('h'),
      (host) =>
        withBalancer(
          {
            statics: [{ name: 'h', url: host.url.replace('127.0.0.1', 'localhost') }],
            tlsCerts: [certFile],
            tlsKeys: [keyFile],
            hostCa: caFile,
          },
          ({ port }) => withGrpcClient(port, callAll, ca),
        ),
      { pair: issue('host', { names: ['localhost'] }) },
    ),
  ));

test('statuses pass with their messages and metadata, text and binary, before and behind the messages', () => {
  const binary = Buffer.from([0, 1, 2, 0xfe, 0xff]);
  return withCalls(
    {
      unary: ({ metadata }, reply) => {
        const said = new Metadata();
        said.set('x-text', String(metadata.get('x-text')[0]));
        said.set('x-bytes-bin', metadata.get('x-bytes-bin')[0] as Buffer);
        reply({ code: Number(metadata.get('x-code')[0]), details: 'déjà vu: 100 %\n', metadata: said });
      },
      serverStream: (call) => {
        const head = new Metadata();
        head.set('x-bytes-bin', binary);
        call.sendMetadata(head);
        call.write(Buffer.from('one'));
        const trailers = new Metadata();
        trailers.set('x-bytes-bin', binary);
        call.emit('error', { code: 9, details: 'enough', metadata: trailers });
      },
    },
    async (client, _host, { counter }) => {
      for (let status = 1; status <= 16; status++) {
        if (status === 8 || status === 13 || status === 14) continue;
        const { code, details, trailers, replies } = await client.unary('x', {
          metadata: { 'x-code': String(status), 'x-text': 'plain', 'x-bytes-bin': binary },
        }).end;
        assert.equal([code, details, replies.length], [status, 'déjà vu: 100 %\n', 0]);
        assert.equal([trailers.get('x-text'), trailers.get('x-bytes-bin')], [['plain'], [binary]]);
      }
      const { code, details, head, trailers, replies } = await client.serverStream('x').end;
      assert.equal([code, details, texts(replies)], [9, 'enough', ['one']]);
      assert.equal([head?.get('x-bytes-bin'), trailers.get('x-bytes-bin')], [[binary], [binary]]);
      assert.is(counter('hosts_answered_grpc_failure'), 0);
    },
  );
});

test('a method that the host does not have is UNIMPLEMENTED in a trailers-only answer', () =>
  withCalls({}, async (client) => {
    const { code, head } = await client.unary('x').end;
    assert.equal([code, head], [12, undefined]);
  }));

test('messages of 10 MB pass both ways', () =>
  withCalls(echoMethods('h'), async (client) => {
    const message = Buffer.alloc(10e6, 'mega');
    const { code, details, replies } = await client.unary(message).end;
    assert.is(code, 0, details);
    assert.ok(replies[0]?.equals(Buffer.concat([Buffer.from('h: '), message])));
  }));

test('1,000 calls at once on one channel all succeed, each with its own answer', () =>
  withCalls(echoMethods('h'), async (client, host) => {
    const ends = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.unary(String(i)).end));
    for (const [i, { code, details, replies }] of ends.entries()) assert.equal([code, details, texts(replies)], [0, 'OK', [`h: ${i}`]]);
    assert.is(host.calls, 1000);
  }));

test('a client that does not read holds back its own stream, and no other call', () => {
  const part = Buffer.alloc(64 << 10);
  let written = 0;
  return withCalls(
    {
      ...echoMethods('h'),
      serverStream: (call) => {
        const write = (): void => {
          while (written < 1000) {
            written++;
            if (!call.write(part)) {
              call.once('drain', write);
              return;
            }
          }
          call.end();
        };
        write();
      },
    },
    async (client) => {
      const slow = client.serverStream('x');
      slow.pause();
      let seen = -1;
      await until(
        () => {
          const before = seen;
          seen = written;
          return before === seen && seen > 0;
        },
        { everyMs: 300, what: 'the host to stop' },
      );
      assert.ok(written < 500, `${written} of 1000 parts were written`);
      assert.equal(texts((await client.unary('meanwhile').end).replies), ['h: meanwhile']);
      slow.resume();
      const { code, replies } = await slow.end;
      assert.equal([code, replies.length], [0, 1000]);
      assert.ok(replies.every(({ length }) => length === part.length));
    },
  );
});

test('a call that the client cancels is cancelled on the host, and the connection stays', () =>
  withCalls({ ...echoMethods('h'), bidi: (call) => void call.write(Buffer.from('begun')) }, async (client, host, { counter }) => {
    const call = client.bidi();
    call.send('x');
    await until(() => call.replies.length === 1, { what: 'the answer to begin' });
    assert.is(host.ended, 0);
    call.cancel();
    assert.is((await call.end).code, 1);
    await until(() => host.ended === 1, { what: 'the host to learn of it' });
    await until(() => counter('requests_client_gone') === 1);
    assert.equal(texts((await client.unary('next').end).replies), ['h: next']);
    assert.is(counter('hosts_reset'), 0);
  }));

test('a pool of HTTP/1 hosts is UNIMPLEMENTED for gRPC, with a message that says so, and no host is asked', () => {
  let asked = 0;
  return withServer(
    (_request, response) => {
      asked++;
      response.end('hello');
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true }, ({ port, balancer }) =>
        withGrpcClient(port, async (client) => {
          const { code, details } = await client.unary('x').end;
          assert.equal([code, details], [12, 'MEERCAT_GRPC_NEEDS_HTTP2: the host speaks HTTP/1, and gRPC needs HTTP/2']);
          assert.is(asked, 0);
          assert.is(openTable(balancer.table).hostErrors[0], 0);
        }),
      ),
  );
});

test.run();
