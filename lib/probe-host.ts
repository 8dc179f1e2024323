// Whether a host is well: the question that the master, and without it every balancer, puts to hosts. One request
// or one connection, within one time in all; whatever comes back, the answer is yes or no.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { hostAddressOf } from './host-address.js';
import type { HealthRules, HostTls } from './traffic-config.js';

/** So much of an answer's body is read; a longer one is as good. */
const MAX_BODY_BYTES = 64 << 10;

/** What a check asks for, and what it takes for an answer. */
export type CheckRules = Pick<HealthRules, 'healthPath' | 'healthHost' | 'healthExpect' | 'healthTimeoutMs'>;

/**
 * Whether the host of this origin is well. Never rejects.
 * With an empty path it must accept a TCP connection, and is asked for nothing: one that is only busy must not
 * be given more to do. With a path it must answer GET with an expected status, its body too, all within `healthTimeoutMs`.
 */
export function probeHost(origin: string, rules: CheckRules, tls: HostTls): Promise<boolean> {
  return rules.healthPath === '' ? doesAccept(new URL(origin), rules.healthTimeoutMs) : doesAnswer(new URL(origin), rules, tls);
}

function doesAccept(url: URL, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(hostAddressOf(url));
    const end = (isGood: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isGood);
    };
    const timer = setTimeout(end, timeoutMs, false);
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

function doesAnswer(url: URL, { healthPath: path, healthHost, healthExpect, healthTimeoutMs }: CheckRules, { ca, isInsecure }: HostTls): Promise<boolean> {
  return new Promise((resolve) => {
    // The server name is that of the address, as with requests: unless it is given, Node takes it from the Host header.
    const options = { ...hostAddressOf(url), path, agent: false, headers: { Host: healthHost === '' ? url.host : healthHost, 'User-Agent': 'meercat-health' } } as const;
    const question =
      url.protocol === 'https:' ? requestHttps({ ...options, ...(ca !== undefined && { ca }), rejectUnauthorized: !isInsecure }) : requestHttp(options);
    const end = (isGood: boolean): void => {
      clearTimeout(timer);
      resolve(isGood);
      question.destroy();
    };
    const timer = setTimeout(end, healthTimeoutMs, false);
    question.on('response', (answer) => {
      const { statusCode = 0 } = answer;
      if (!healthExpect.some(({ from, to }) => statusCode >= from && statusCode <= to)) {
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
