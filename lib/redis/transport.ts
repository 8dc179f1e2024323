// Whether a server that can't be used speaks TLS where the address does not, or the other way round. Neither side of
// such a connection says so: it is reset, or nothing comes. Hence the server is asked once more, in the other way.

import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint, RedisAddress } from './address.js';
import type { Commands } from './ioredis.js';
import { needsOperator, reasonOf, type RedisRole } from './reason.js';

/** How long a server may take to show what it speaks. */
const ASK_TIMEOUT_MS = 1000;

/** The least time between two times that the servers are asked: one that is only away for a while is not to be asked at each attempt. */
const ASK_EVERY_MS = 5000;

/** These say clearly what is wrong, and it is not TLS. */
const CLEAR = /^(?:connection refused|the name is not known|what answers there is no Redis)$/;

/** The reason when the address and the server differ in TLS. */
export function transportReason({ kind, isTls }: Pick<RedisAddress, 'kind' | 'isTls'>): string {
  const who = kind === 'sentinel' ? 'a Sentinel' : 'it';
  const rest = kind === 'single' ? '://' : `+${kind}://`;
  return isTls
    ? `${who} answers without TLS, and the address is one with TLS: turn TLS on there, or write redis${rest} for rediss${rest} in --redis or MEERCAT_REDIS`
    : `${who} speaks TLS, and the address is one without TLS: write rediss${rest} for redis${rest} in --redis or MEERCAT_REDIS`;
}

/**
 * Puts this reason into the errors of a client that can't connect, and emits one of its own as soon as it is known.
 * To be called before anybody else listens for errors.
 */
export function explainTransport(client: Commands, address: RedisAddress): void {
  const role: RedisRole = address.kind === 'sentinel' ? 'Sentinel' : 'Redis';
  let found: string | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<void> => {
    askedAtMs = performance.now();
    const answers = await Promise.all(address.endpoints.map((endpoint) => speaksOtherwise(endpoint, address.isTls)));
    if (client.status === 'ready' || client.status === 'end' || !answers.includes(true)) return;
    found = transportReason(address);
    client.emit('error', new Error(found));
  };
  client.on('error', (error: Error & { knownReason?: string; lastNodeError?: Error }) => {
    if (found !== undefined) {
      Object.assign(error, { knownReason: found });
      return;
    }
    const reason = error.knownReason ?? reasonOf(error.lastNodeError ?? error, role);
    if (needsOperator(reason) || CLEAR.test(reason) || performance.now() - askedAtMs < ASK_EVERY_MS) return;
    void ask();
  });
  client.on('ready', () => (found = undefined));
}

/** Whether the server takes a connection that has TLS where ours has none, or none where ours has it. Nothing secret is sent. */
function speaksOtherwise(endpoint: Endpoint, isTls: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = isTls ? connect(endpoint) : openTls(endpoint);
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(ASK_TIMEOUT_MS, () => end(false));
    socket.on('close', () => end(false));
    if (isTls) {
      socket.on('error', () => end(false));
      socket.on('connect', () => socket.write('PING\r\n'));
      // Whether or not it wants a password first.
      socket.on('data', (data) => end(/^[+-]/.test(data.toString('latin1'))));
    } else {
      socket.on('secureConnect', () => end(true));
      // An alert, such as that it wants a certificate of ours, is one of TLS; a server without it sends none.
      socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => end(/^ERR_SSL_.*ALERT/.test(code)));
    }
  });
}

function openTls({ host, port }: Endpoint): Socket {
  // Who it is does not matter here: nothing is sent, and the connection is closed.
  return connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) });
}
