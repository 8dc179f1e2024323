// PROXY headers end to end: accepted only from trusted peers.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { exchangeRaw, withRaw } from '../../support/http-client.js';
import { answerWith, withRawProxy } from '../../support/proxy.js';

const test = suite('proxy header');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n';
const TRUSTING = { isProxyAccepted: true, trust: ['127.0.0.0/8'] };

/** Version 2, TCP over IPv6: 2001:db8::9 to 2001:db8::1. */
const V2 = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.from([0x21, 0x21, 0, 36]),
  Buffer.from('20010db8000000000000000000000009', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0x11, 0x5c, 0, 80]),
]).toString('latin1');

test('the host gets the client address that a trusted peer names, and the claims of that client are dropped', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port }, host) => {
      assert.match(await exchangeRaw(port, `PROXY TCP4 192.0.2.9 127.0.0.1 4444 80\r\n${GET}`), /^HTTP\/1\.1 200 OK/);
      assert.match(await exchangeRaw(port, `${V2}${GET}`), /^HTTP\/1\.1 200 OK/);
      const seen = host.connections.map(({ text }) => text).join('');
      assert.match(seen, /X-Forwarded-For: 192\.0\.2\.9\r\n/);
      assert.match(seen, /X-Forwarded-For: 2001:db8::9\r\n[^]*Forwarded: for="\[2001:db8::9\]";/);
      assert.not.match(seen, /6\.6\.6\.6/);
    },
    TRUSTING,
  ));

test('the host gets the port that the client connected to: from the PROXY header, or ours if it names none', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port }, host) => {
      const portTold = async (header: string): Promise<string | undefined> => {
        assert.match(await exchangeRaw(port, `${header}${GET}`), /^HTTP\/1\.1 200 OK/);
        return /X-Forwarded-Port: (\d+)\r\n/.exec(host.connections.at(-1)?.text ?? '')?.[1];
      };
      assert.is(await portTold('PROXY TCP4 192.0.2.9 127.0.0.1 4444 443\r\n'), '443');
      assert.is(await portTold(V2), '80');
      assert.is(await portTold('PROXY TCP4 192.0.2.9 127.0.0.1 4444 0\r\n'), String(port));
      assert.is(await portTold('PROXY UNKNOWN\r\n'), String(port));
      const local = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), Buffer.from([0x20, 0x11, 0, 12]), Buffer.alloc(12, 7)]);
      assert.is(await portTold(local.toString('latin1')), String(port));
    },
    { ...TRUSTING, hostKeepAliveTimeoutMs: 0 },
  ));

test('a header that comes in pieces, and a connection of the proxy itself, are taken', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port }, host) => {
      await withRaw(port, async (raw) => {
        for (const piece of ['PROX', 'Y UNKN', 'OWN\r', '\nGET / HTTP/1.1\r\nHost: x\r\n', 'X-Forwarded-For: 192.0.2.7\r\n\r\n']) {
          raw.send(piece);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        await raw.receives(/ok$/);
        assert.match(host.connections[0]?.text ?? '', /X-Forwarded-For: 192\.0\.2\.7, 127\.0\.0\.1\r\n/, "the proxy's own word is taken");
      });
    },
    TRUSTING,
  ));

test('a trusted peer without a header, or with a wrong one, is not served', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port, counter }, host) => {
      for (const text of [GET, `PROXY TCP4 1.2.3 127.0.0.1 1 2\r\n${GET}`, `PROXY TCP4 192.0.2.9 127.0.0.1 4444 80\n${GET}`])
        assert.is(await exchangeRaw(port, text), '');
      await until(() => counter('refused_proxy_header') === 3);
      assert.is(host.connections.length, 0);
    },
    TRUSTING,
  ));

test('from a peer that is not trusted a PROXY header is no request', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port }, host) => {
      assert.match(await exchangeRaw(port, `PROXY TCP4 192.0.2.9 127.0.0.1 4444 80\r\n${GET}`), /^HTTP\/1\.1 400 /);
      assert.is(host.connections.length, 0);
    },
    { isProxyAccepted: true, trust: ['192.0.2.0/24'] },
  ));

test('a trusted peer whose header does not arrive in time is closed', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port, counter }) => {
      assert.is(await exchangeRaw(port, 'PROXY TCP4 192.'), '');
      assert.is(counter('timeouts_header'), 1);
    },
    { ...TRUSTING, headerTimeoutMs: 100 },
  ));

test.run();
