// Sockets that were accepted are read into shared memory by names that are Node's own: where they are missing, sockets
// are read as usual, which costs nothing but speed.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readInto } from '../../../lib/traffic/client/read-into.js';
import { until } from '../../support/brackets.js';

const test = suite('read into');

/** Sends a text to an accepted socket, which is read after `prepare`; gives what was read. */
async function roundTrip(text: string, prepare: (socket: Socket) => void): Promise<string> {
  let got = '';
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    prepare(socket);
    readInto(socket, (bytes) => {
      got += bytes.toString('latin1');
      return true;
    });
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    client.write(text);
    await until(() => got.length >= text.length, { what: () => `${text.length} bytes, there are ${got.length}` });
    return got;
  } finally {
    client.destroy();
    server.close();
  }
}

const TEXT = Array.from({ length: 300_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');

test('what comes is read, small or large', async () => {
  assert.is(await roundTrip('hello', () => undefined), 'hello');
  assert.is(await roundTrip(TEXT, () => undefined), TEXT);
});

test('where Node has another way inside, sockets are read as usual', async () => {
  const hide = (socket: object): void => {
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    (socket as { _handle: { useUserBuffer: unknown } })._handle.useUserBuffer = undefined;
  };
  assert.is(await roundTrip(TEXT, hide), TEXT);
});

test.run();
