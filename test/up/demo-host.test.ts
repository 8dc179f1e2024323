// A demo host: what it answers, over HTTP/1 and HTTP/2 on one port.

import { connect } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDemoHost } from '../../lib/up/demo-host.js';
import { until } from '../support/brackets.js';

const test = suite('demo host');

async function askHttp2(port: number, path: string): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const stream = session.request({ ':path': path }).setEncoding('utf8');
  let status: number | undefined;
  let text = '';
  let isEnded = false;
  stream.on('error', () => undefined);
  stream.on('response', (headers) => (status = headers[':status']));
  stream.on('data', (part: string) => (text += part));
  stream.on('close', () => (isEnded = true));
  await until(() => isEnded, { what: 'the end of the answer' });
  session.destroy();
  return { status, text };
}

test('it answers with its name, and with what reached it, in either protocol', async () => {
  const host = await startDemoHost({ name: 'h1', port: 0, isShowing: true });
  try {
    const url = `http://127.0.0.1:${host.port}`;
    const http1 = await (await fetch(`${url}/a`)).text();
    assert.match(http1, /^h1\nGET \/a HTTP\/1\.1\n/);
    const http2 = await askHttp2(host.port, '/work?ms=1');
    assert.is(http2.status, 200);
    assert.match(http2.text, /^h1\nGET \/work\?ms=1 HTTP\/2\.0\n(?:.*\n)*:authority: 127\.0\.0\.1:\d+\n/);
    assert.is((await fetch(`${url}/work?ms=x`)).status, 400);
    assert.is((await askHttp2(host.port, '/work?ms=x')).status, 400);
  } finally {
    host.close();
  }
});

test.run();
