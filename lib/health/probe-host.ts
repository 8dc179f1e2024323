// One active health check, by the master or, without one, by every balancer: one request or one connection within one
// timeout. Whatever comes back, the result is yes or no.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { type HostAddress, hostAddressOf } from './host-address.js';
import { type HostAddresses, tryEach } from './host-addresses.js';
import { startTimeout } from '../timeout.js';
import type { HealthRules, HostTls } from '../config/traffic-config.js';

/** Maximum bytes read of a response body; a longer one counts as good. */
const MAX_BODY_BYTES = 64 << 10;

/** What a check requests, and which responses it accepts. */
export type ProbeRules = Pick<HealthRules, 'healthPath' | 'healthHost' | 'healthExpect' | 'healthTimeoutMs'>;

/**
 * Whether the host of this origin is healthy. Never rejects. With an empty path it must accept a TCP connection; no
 * request is sent, so that a merely busy host gets no extra work. With a path it must answer a GET with an expected
 * status and a complete body, all within `healthTimeoutMs`.
 * @param addresses of a host with a name: it is healthy if one of them is
 * @param authority the name that DNS found the address in the origin by
 */
export function probeHost(
  origin: string,
  rules: ProbeRules,
  tls: HostTls,
  addresses?: HostAddresses,
  authority?: string,
): Promise<boolean> {
  const url = new URL(origin);
  const target = { ...hostAddressOf(url, authority), ...(addresses !== undefined && tryEach(addresses, rules.healthTimeoutMs)) };
  const isWell =
    rules.healthPath === '' ? doesAccept(target, rules.healthTimeoutMs) : doesAnswer(target, rules, tls, authority ?? url.host);
  return isWell.then((isGood) => {
    if (!isGood) addresses?.onNoneAnswered();
    return isGood;
  });
}

/** Where to connect to and, for a host with a name, how to try its addresses. */
type Target = HostAddress & Partial<ReturnType<typeof tryEach>>;

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

function doesAnswer(
  target: Target,
  { healthPath: path, healthHost, healthExpect, healthTimeoutMs }: ProbeRules,
  { ca, isInsecure }: HostTls,
  authority: string,
): Promise<boolean> {
  return new Promise((resolve) => {
    // Set the SNI name as for requests; otherwise Node derives it from the Host header.
    const options = {
      ...target,
      path,
      agent: false,
      headers: { Host: healthHost === '' ? authority : healthHost, 'User-Agent': 'meercat-health' },
    } as const;
    const question = target.isTls
      ? requestHttps({ ...options, ...(ca !== undefined && { ca }), rejectUnauthorized: !isInsecure })
      : requestHttp(options);
    const end = (isGood: boolean): void => {
      timeout.clear();
      resolve(isGood);
      question.destroy();
    };
    const timeout = startTimeout(healthTimeoutMs, () => end(false));
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
      // A truncated response has no `end` event.
      answer.on('error', () => end(false));
      answer.on('close', () => end(false));
    });
    // An upgrade was not requested.
    question.on('upgrade', (_answer, socket) => {
      socket.destroy();
      end(false);
    });
    question.on('error', () => end(false));
    question.on('close', () => end(false));
    question.end();
  });
}
