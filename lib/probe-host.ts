// Whether a host is well: the question that the master, and without it every balancer, puts to hosts. One request
// or one connection, within one time in all; whatever comes back, the answer is yes or no.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { type HostAddresses, hostnameOf, tryEach } from './host-addresses.js';
import { startTimeout } from './timeout.js';
import type { HostTls } from './traffic-config.js';

/** So much of an answer's body is read; a longer one is as good. */
const MAX_BODY_BYTES = 64 << 10;

/**
 * Whether the host of this origin is well. Never rejects.
 * With an empty path it must accept a TCP connection, and is asked for nothing: one that is only busy must not
 * be given more to do. With a path it must answer GET with 2xx or 3xx, its body too, all within `timeoutMs`.
 * @param addresses of a host that has a name: it is well when one of them is
 */
export function probeHost(origin: string, path: string, timeoutMs: number, tls: HostTls, addresses?: HostAddresses): Promise<boolean> {
  const url = new URL(origin);
  const target = { ...addressOf(url), ...(addresses !== undefined && tryEach(addresses, timeoutMs)) };
  const isWell = path === '' ? doesAccept(target, timeoutMs) : doesAnswer(url, target, path, timeoutMs, tls);
  return isWell.then((isGood) => {
    if (!isGood) addresses?.onNoneAnswered();
    return isGood;
  });
}

type Target = ReturnType<typeof addressOf> & Partial<ReturnType<typeof tryEach>>;

function addressOf(url: URL): { readonly host: string; readonly port: number } {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host: hostnameOf(url), port };
}

function doesAccept(target: Target, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const end = (isGood: boolean): void => {
      timeout.clear();
      socket.destroy();
      resolve(isGood);
    };
    const timeout = startTimeout(timeoutMs, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

function doesAnswer(url: URL, target: Target, path: string, timeoutMs: number, { ca, isInsecure }: HostTls): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { ...target, path, agent: false, headers: { Host: url.host, 'User-Agent': 'meercat-health' } } as const;
    const question =
      url.protocol === 'https:' ? requestHttps({ ...options, ...(ca !== undefined && { ca }), rejectUnauthorized: !isInsecure }) : requestHttp(options);
    const end = (isGood: boolean): void => {
      timeout.clear();
      resolve(isGood);
      question.destroy();
    };
    const timeout = startTimeout(timeoutMs, () => end(false));
    question.on('response', (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode < 200 || statusCode >= 400) {
        end(false);
        return;
      }
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) end(true);
      });
      answer.on('end', () => end(true));
      // Cut off: `end` does not come.
      answer.on('error', () => end(false));
      answer.on('close', () => end(false));
    });
    // Nobody asked for another protocol.
    question.on('upgrade', (_answer, socket) => {
      socket.destroy();
      end(false);
    });
    question.on('error', () => end(false));
    question.on('close', () => end(false));
    question.end();
  });
}
