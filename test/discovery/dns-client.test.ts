// The DNS client against a real server on loopback: the types, aliases, truncation, servers that fail, are silent, or send
// what does not belong to the question; and the decoder under arbitrary bytes.

import { Resolver } from 'node:dns/promises';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDnsName, readDnsServer } from '../../lib/config/values.js';
import { askDns } from '../../lib/discovery/dns-client.js';
import { decodeDnsAnswer, type DnsType, encodeQuestion } from '../../lib/discovery/dns-message.js';
import { freePort } from '../support/brackets.js';
import { answerTo, type DnsRecord, type DnsServerStage, withDnsServer } from '../support/dns-server.js';

const test = suite('DNS client');

const ask = ({ port }: DnsServerStage, name: string, type: DnsType) => askDns([{ address: '127.0.0.1', port }], name, type);

const reasonOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error as Error).message,
  );

test('addresses and targets come with the shortest TTL of their records', () =>
  withDnsServer(async (server) => {
    server.set('api.test A', [
      ['A', '10.0.0.7', 30],
      ['A', '10.0.0.8', 20],
    ]);
    server.set('api.test AAAA', [['AAAA', 'fd00::1', 5]]);
    server.set('_api._tcp.test SRV', [['SRV', [1, 2, 3000, 'H1.Test'], 7]]);
    const { addresses, ttlSeconds } = await ask(server, 'api.test', 'A');
    assert.equal([addresses, ttlSeconds], [['10.0.0.7', '10.0.0.8'], 20]);
    assert.equal((await ask(server, 'api.test', 'AAAA')).addresses, ['fd00::1']);
    const service = await ask(server, '_api._tcp.test', 'SRV');
    assert.equal([service.targets, service.ttlSeconds], [[{ priority: 1, weight: 2, port: 3000, target: 'h1.test' }], 7]);
  }));

test('the test’s own server is understood by the resolver of Node, and says the same to it', () =>
  withDnsServer(async (server) => {
    server.set('api.test A', [['A', '10.0.0.7', 30]]);
    server.set('api.test AAAA', [['AAAA', 'fd00::1:2', 5]]);
    server.set('_api._tcp.test SRV', [['SRV', [1, 2, 3000, 'h1.test'], 7]]);
    const resolver = new Resolver({ timeout: 1000, tries: 2 });
    resolver.setServers([server.address]);
    assert.equal(await resolver.resolve4('api.test', { ttl: true }), [{ address: '10.0.0.7', ttl: 30 }]);
    assert.equal(await resolver.resolve6('api.test', { ttl: true }), [{ address: 'fd00::1:2', ttl: 5 }]);
    // Later versions of Node add more.
    const found = await resolver.resolveSrv('_api._tcp.test');
    assert.equal(
      found.map(({ name, port, priority, weight }) => [name, port, priority, weight]),
      [['h1.test', 3000, 1, 2]],
    );
  }));

test('aliases are followed in whatever order they come, and count with their TTL; a circle of them gives nothing', () =>
  withDnsServer(async (server) => {
    server.set('www.test A', [
      ['A', '10.0.0.9', 60, 'c.test'],
      ['CNAME', 'c.test', 3, 'b.test'],
      ['CNAME', 'b.test', 40],
      ['A', '10.6.6.6', 60, 'stranger.test'],
    ]);
    const { addresses, ttlSeconds } = await ask(server, 'www.test', 'A');
    assert.equal([addresses, ttlSeconds], [['10.0.0.9'], 3]);
    server.set('circle.test A', [
      ['CNAME', 'b.test', 40],
      ['CNAME', 'circle.test', 40, 'b.test'],
    ]);
    assert.equal((await ask(server, 'circle.test', 'A')).addresses, []);
  }));

test('an answer that does not fit is asked for again by TCP', () =>
  withDnsServer(async (server) => {
    const many = Array.from({ length: 1000 }, (_, i): DnsRecord => ['A', `10.0.${i >> 8}.${i & 255}`]);
    server.set('many.test A', { byTcp: many });
    assert.is((await ask(server, 'many.test', 'A')).addresses.length, 1000);
    assert.equal(server.questions, ['many.test A', 'many.test A tcp']);
  }));

test('that a name does not exist is an answer; a server that fails is asked again, and then the next one', () =>
  withDnsServer((first) =>
    withDnsServer(async (second) => {
      assert.is((await ask(first, 'nobody.test', 'A')).rcode, 3);
      first.set('api.test A', 'servfail');
      second.set('api.test A', [['A', '10.0.0.7']]);
      const servers = [first, second].map(({ port }) => ({ address: '127.0.0.1', port }));
      assert.equal((await askDns(servers, 'api.test', 'A')).addresses, ['10.0.0.7']);
      assert.is(await reasonOf(ask(first, 'api.test', 'A')), '127.0.0.1 answered SERVFAIL');
      assert.is(first.questions.filter((question) => question === 'api.test A').length, 3);
    }),
  ));

test('a server that is silent, or not there, is given up with a reason', () =>
  withDnsServer(async (server) => {
    server.set('api.test A', 'silent');
    assert.is(await reasonOf(ask(server, 'api.test', 'A')), '127.0.0.1: no answer within 1000 ms');
    const gone = await reasonOf(askDns([{ address: '127.0.0.1', port: await freePort() }], 'api.test', 'A'));
    assert.match(gone, /^127\.0\.0\.1: .*ECONNREFUSED/);
    assert.is(await reasonOf(askDns([], 'api.test', 'A')), 'no DNS server is known');
  }));

test('names are compared without regard to case and to the dot at the end', () =>
  withDnsServer(async (server) => {
    server.set('API.test A', (question) => [answerTo(encodeQuestion(question.readUInt16BE(0), 'api.TEST', 'A'), [['A', '10.0.0.7']])]);
    assert.equal((await ask(server, 'API.test.', 'A')).addresses, ['10.0.0.7']);
  }));

test('what does not belong to the question is ignored, and the real answer counts', () =>
  withDnsServer(async (server) => {
    const forged: readonly DnsRecord[] = [['A', '10.6.6.6']];
    server.set('api.test A', (question) => {
      const otherId = answerTo(question, forged);
      otherId.writeUInt16BE((question.readUInt16BE(0) + 1) & 0xffff, 0);
      const otherName = answerTo(encodeQuestion(question.readUInt16BE(0), 'bank.test', 'A'), forged);
      const otherType = answerTo(encodeQuestion(question.readUInt16BE(0), 'api.test', 'AAAA'), forged);
      const cut = answerTo(question, forged).subarray(0, -1);
      const noAnswer = answerTo(question, forged, 0x0100);
      return [otherId, otherName, otherType, cut, noAnswer, Buffer.alloc(0), Buffer.from('x'), answerTo(question, [['A', '10.0.0.7']])];
    });
    assert.equal((await ask(server, 'api.test', 'A')).addresses, ['10.0.0.7']);
  }));

test('pointers that lead forwards or to themselves make a message malformed', () => {
  const question = encodeQuestion(7, 'a.test', 'A');
  for (const owner of [[0xc0, question.length], [0xc0, question.length + 2], [0xff, 0xff], [0xc0], [0x80, 1]]) {
    const record = Buffer.from([...owner, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 1]);
    const head = Buffer.from(question);
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(1, 6);
    assert.is(decodeDnsAnswer(Buffer.concat([head, record]), 7, 'a.test', 'A'), null, owner.join());
  }
});

test('no message makes the decoder throw, and what it takes is an answer of the right kind', () => {
  const records: readonly DnsRecord[] = [
    ['CNAME', 'b.test', 3],
    ['A', '10.0.0.1', 3, 'b.test'],
    ['SRV', [1, 2, 3, 'h.test'], 4],
  ];
  const good = (['A', 'SRV'] as const).map((type) => answerTo(encodeQuestion(1, 'a.test', type), records));
  fc.assert(
    fc.property(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 8 }),
      fc.nat(200),
      fc.constantFrom('A' as const, 'AAAA' as const, 'SRV' as const),
      (message, changes, length, type) => {
        const bytes = Buffer.from(message.subarray(0, length % 3 === 0 ? length : message.length));
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const answer = decodeDnsAnswer(bytes, 1, 'a.test', type);
        if (answer === null) return;
        assert.ok(type === 'SRV' ? answer.addresses.length === 0 : answer.targets.length === 0);
        assert.ok(answer.ttlSeconds >= 0 && answer.ttlSeconds < 2 ** 31);
      },
    ),
    { numRuns: 3000 },
  );
});

test('servers are read as they are written, and names by their rule', () => {
  for (const [text, server] of [
    ['10.0.0.53', { address: '10.0.0.53', port: 53 }],
    ['10.0.0.53:5353', { address: '10.0.0.53', port: 5353 }],
    ['fd00::53', { address: 'fd00::53', port: 53 }],
    ['[fd00::53]:5353', { address: 'fd00::53', port: 5353 }],
    ['[fd00::53]', { address: 'fd00::53', port: 53 }],
  ] as const)
    assert.equal(readDnsServer(text), server, text);
  for (const text of ['', 'dns.test', '10.0.0.53:0', '10.0.0.53:65536', '10.0.0:53', '[10.0.0.53]:53', 'fd00::53]:1', '10.0.0.53:'])
    assert.is(readDnsServer(text), undefined, text);
  for (const name of ['a', 'api.internal', '_api._tcp.x', 'a.b.', 'x'.repeat(63)]) assert.ok(isDnsName(name), name);
  for (const name of ['', '.', 'a..b', '-a', 'a-', 'x'.repeat(64), 'a.'.repeat(127), '10.0.0.1', '::1', 'a b', 'ä', 'a/b'])
    assert.not.ok(isDnsName(name), name);
});

test.run();
