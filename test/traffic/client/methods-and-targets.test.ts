// What --methods and --utf8-targets let through, on real connections.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withBalancer } from '../../support/fleet.js';
import { exchangeRaw, withRaw } from '../../support/http-client.js';
import { withRecordingHost } from '../../support/recording-host.js';

const test = suite('methods and targets');

const line = (start: string): string => `${start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
const SEEN = 'HTTP/1.1\nHost: x (ours)';

test('methods that are not listed get 405 with those that are, and no host sees them', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], methods: ['GET', 'VERSION-CONTROL'] }, async ({ port, counter }) => {
      for (const method of ['POST', 'HEAD', 'get', 'VERSION-CONTROLS', 'CONNECT', 'TRACE']) {
        const text = await exchangeRaw(port, line(`${method} /`));
        assert.match(text, /^HTTP\/1\.1 405 [^]*\r\nAllow: GET, VERSION-CONTROL\r\n[^]*MEERCAT_METHOD_NOT_ALLOWED/, method);
      }
      for (const method of ['GET', 'VERSION-CONTROL']) assert.match(await exchangeRaw(port, line(`${method} /`)), /^HTTP\/1\.1 200 /);
      assert.equal(host.take().requests, [`GET / ${SEEN}`, `VERSION-CONTROL / ${SEEN}`]);
      assert.is(counter('refused_method'), 6);
    }),
  ));

test('a method that is not listed gets 405 behind others with the same lines too', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], methods: ['GET'] }, ({ port }) =>
      withRaw(port, async (raw) => {
        raw.send('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nPUT /3 HTTP/1.1\r\nHost: x\r\n\r\n');
        assert.match(await raw.ends(), /<GET \/1 >HTTP[^]*<GET \/2 >HTTP\/1\.1 405 /);
        assert.equal(host.take().requests, [`GET /1 ${SEEN}`, `GET /2 ${SEEN}`]);
      }),
    ),
  ));

const UTF8 = ['/caf\xc3\xa9', '/\xc3\xa0?\xe2\x82\xac=\xf0\x9f\x98\xba', '/\xc2\x85\xc2\xa0', 'http://x/\xc3\xa9'];
const NO_UTF8 = [
  '/caf\xe9',
  '/\xc3',
  '/\xc3/\xa9',
  '/\xa9',
  // Overlong, a surrogate, and beyond the last code point.
  '/\xc0\xaf',
  '/\xe0\x80\xaf',
  '/\xed\xa0\x80',
  '/\xf4\x90\x80\x80',
  '/\xff',
  // A name is ASCII.
  'http://x\xc3\xa9/',
];

test('targets in UTF-8 pass byte by byte where the flag says so, and nothing else above ASCII does', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], utf8Targets: 'pass' }, async ({ port, counter }) => {
      for (const target of UTF8) {
        assert.match(await exchangeRaw(port, line(`GET ${target}`)), /^HTTP\/1\.1 200 /, target);
        assert.equal(host.take().requests, [`GET ${target.replace('http://x', '')} ${SEEN}`]);
      }
      for (const target of NO_UTF8) assert.match(await exchangeRaw(port, line(`GET ${target}`)), /^HTTP\/1\.1 400 /, target);
      assert.equal(host.take().requests, []);
      assert.is(counter('refused_target'), NO_UTF8.length);
    }),
  ));

test('a target in UTF-8 that comes in pieces, and behind others with the same lines, is the same', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], utf8Targets: 'pass' }, ({ port }) =>
      withRaw(port, async (raw) => {
        const request = 'GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n';
        raw.socket.setNoDelay(true);
        raw.send(request);
        for (const byte of request) await new Promise((resolve) => raw.socket.write(byte, 'latin1', resolve));
        await raw.receives(/<GET[^>]*>HTTP[^]*<GET[^>]*>$/);
        raw.send('GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n');
        assert.match(await raw.ends(), /HTTP\/1\.1 400 /);
        assert.equal(host.take().requests, [`GET /\xc3\xa9 ${SEEN}`, `GET /\xc3\xa9 ${SEEN}`]);
      }),
    ),
  ));

test('by default each of them is refused as a target', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }] }, async ({ port, counter }) => {
      for (const target of [...UTF8, ...NO_UTF8]) assert.match(await exchangeRaw(port, line(`GET ${target}`)), /^HTTP\/1\.1 400 /, target);
      assert.is(counter('refused_target'), UTF8.length + NO_UTF8.length);
    }),
  ));

test.run();
