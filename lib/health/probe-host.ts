// One active health check, by the master or, without one, by every balancer: one request or one connection within one
// timeout. Whatever comes back, the result is yes or no.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { CHECK_PATH, checkBody, isServing } from './grpc-health.js';
import { hostAddressOf } from './host-address.js';
import { type HostAddresses, tryEach } from './host-addresses.js';
import { askHttp2, MAX_ANSWER_BYTES, type Target } from './http2-question.js';
import { startTimeout } from '../timeout.js';
import type { HealthRules, HostTls, StatusRange } from '../config/traffic-config.js';

/** What a check requests, and which responses it accepts. */
export type ProbeRules = Pick<HealthRules, 'healthPath' | 'healthGrpc' | 'healthHost' | 'healthExpect' | 'healthTimeoutMs'> & {
  /** As of a pool; missing: false. */
  readonly isHttp2?: boolean;
};

/** What our requests call themselves. */
const USER_AGENT = 'meercat-health';

/**
 * Whether the host of this origin is healthy. Never rejects. With an empty path it must accept a TCP connection; no
 * request is sent, so that a merely busy host gets no extra work. With a path it must answer a GET with an expected
 * status and a complete body, and with a gRPC service say that this is SERVING, all within `healthTimeoutMs`. A host that
 * speaks HTTP/1 has no gRPC service: there it is the connection that counts.
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
  const isHttp2 = target.isHttp2 || rules.isHttp2 === true;
  const name = rules.healthHost === '' ? (authority ?? url.host) : rules.healthHost;
  return check(target, isHttp2, rules, tls, name).then((isGood) => {
    if (!isGood) addresses?.onNoneAnswered();
    return isGood;
  });
}

function check(target: Target, isHttp2: boolean, rules: ProbeRules, tls: HostTls, authority: string): Promise<boolean> {
  const { healthPath, healthGrpc, healthTimeoutMs } = rules;
  if (isHttp2 && healthGrpc !== null) return doesServe(target, healthGrpc, healthTimeoutMs, tls, authority);
  if (healthPath === '') return doesAccept(target, healthTimeoutMs);
  return isHttp2 ? doesAnswerHttp2(target, rules, tls, authority) : doesAnswer(target, rules, tls, authority);
}

const isExpected = (status: number, expected: readonly StatusRange[]): boolean =>
  expected.some(({ from, to }) => status >= from && status <= to);

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

async function doesServe(target: Target, service: string, timeoutMs: number, tls: HostTls, authority: string): Promise<boolean> {
  const headers = {
    ':method': 'POST',
    ':path': CHECK_PATH,
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${timeoutMs}m`,
    'user-agent': USER_AGENT,
  };
  const answer = await askHttp2({ target, tls, headers, body: checkBody(service), timeoutMs });
  return answer !== undefined && isServing(answer);
}

async function doesAnswerHttp2(
  target: Target,
  { healthPath, healthExpect, healthTimeoutMs: timeoutMs }: ProbeRules,
  tls: HostTls,
  authority: string,
): Promise<boolean> {
  const headers = { ':method': 'GET', ':path': healthPath, ':authority': authority, 'user-agent': USER_AGENT };
  const answer = await askHttp2({ target, tls, headers, body: Buffer.alloc(0), timeoutMs });
  // A body longer than what is read counts as whole.
  return answer !== undefined && isExpected(answer.status, healthExpect);
}

function doesAnswer(
  target: Target,
  { healthPath: path, healthExpect, healthTimeoutMs }: ProbeRules,
  { ca, isInsecure }: HostTls,
  authority: string,
): Promise<boolean> {
  return new Promise((resolve) => {
    // Set the SNI name as for requests; otherwise Node derives it from the Host header.
    const options = {
      ...target,
      path,
      agent: false,
      headers: { Host: authority, 'User-Agent': USER_AGENT },
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
      if (!isExpected(statusCode, healthExpect)) {
        end(false);
        return;
      }
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) end(true);
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
