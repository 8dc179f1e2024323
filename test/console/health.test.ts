// The console's health page on a real socket: its answers, its refusals, and that it is on loopback only.

import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Console, type Health, startConsole } from '../../lib/console/health.js';
import { freePort, withServer } from '../support/brackets.js';

const test = suite('health page');

const SERVING: Health = { status: 'serving', name: 'b1', role: 'slave', term: 4, table: { term: 4, mastership: '0ea0a33cd8fb', seq: 17 }, hosts: 3, inflight: 2 };

async function withConsole(health: () => Health, fn: (url: string, page: Console) => Promise<void>): Promise<void> {
  const page = await startConsole(0, health);
  try {
    await fn(`http://127.0.0.1:${page.port}`, page);
  } finally {
    page.close();
  }
}

test('while serving it answers 200 and says how this balancer stands', () =>
  withConsole(() => SERVING, async (url) => {
    for (const path of ['/.meercat/health', '/.meercat/health?verbose=1']) {
      const response = await fetch(url + path);
      assert.is(response.status, 200);
      assert.is(response.headers.get('content-type'), 'application/json');
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.equal(await response.json(), SERVING);
    }
  }));

test('while stopping it answers 503, as soon as that begins', () => {
  let status: Health['status'] = 'serving';
  return withConsole(() => ({ ...SERVING, status }), async (url) => {
    assert.is((await fetch(`${url}/.meercat/health`)).status, 200);
    status = 'stopping';
    const response = await fetch(`${url}/.meercat/health`);
    assert.is(response.status, 503);
    assert.is(((await response.json()) as Health).status, 'stopping');
  });
});

test('HEAD gets the same status without a body', () =>
  withConsole(() => SERVING, async (url) => {
    const response = await fetch(`${url}/.meercat/health`, { method: 'HEAD' });
    assert.is(response.status, 200);
    assert.is(await response.text(), '');
  }));

test('any other path is 404 with a stable code, and says which to try', () =>
  withConsole(() => SERVING, async (url) => {
    for (const path of ['/', '/health', '/.meercat', '/.meercat/health/', '/.meercat/../.meercat/healthz', '//']) {
      const response = await fetch(url + path);
      assert.is(response.status, 404, path);
      assert.equal(await response.json(), { error: 'MEERCAT_NOT_FOUND', message: 'try /.meercat/health' });
    }
  }));

test('any other method is 405 and names the two that are allowed', () =>
  withConsole(() => SERVING, async (url) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(`${url}/.meercat/health`, { method, ...(method === 'POST' && { body: 'x' }) });
      assert.is(response.status, 405, method);
      assert.is(response.headers.get('allow'), 'GET, HEAD');
      assert.is(((await response.json()) as { error: string }).error, 'MEERCAT_METHOD');
    }
  }));

test('a taken port is refused with the flag that chooses another', () =>
  withServer(() => undefined, async ({ port }) => {
    const error = await startConsole(port, () => SERVING).then(() => undefined, (thrown: unknown) => thrown as Error & { code: string });
    assert.is(error?.code, 'MEERCAT_PORT_TAKEN');
    assert.is(error?.message, `the console's port ${port} is taken: choose another with --console-port`);
  }));

test('it listens on loopback only', async () => {
  const outside = Object.values(networkInterfaces()).flat().find((one) => one?.internal === false && one.family === 'IPv4');
  // Without another address there is nothing from which it could be reached.
  const address = outside?.address ?? '127.0.0.2';
  await withConsole(() => SERVING, async (_url, { port }) => {
    const reached = await new Promise((resolve) => {
      const socket = connect({ port, host: address }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    assert.is(reached, false);
  });
});

test('closing ends it at once, kept connections included, and frees the port', async () => {
  const port = await freePort();
  for (let round = 0; round < 2; round++) {
    const page = await startConsole(port, () => SERVING);
    const closed = new Promise((resolve) => {
      const idle = connect(port, '127.0.0.1', () => {
        page.close();
      });
      idle.on('error', () => undefined).on('close', resolve);
    });
    await closed;
  }
  const refused = await new Promise((resolve) => {
    request({ port, host: '127.0.0.1' }).on('error', () => resolve(true)).on('response', () => resolve(false)).end();
  });
  assert.ok(refused);
});

test.run();
