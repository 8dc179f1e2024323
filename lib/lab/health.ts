// Looks at balancers from outside, as an operator's tools do: their health pages and their answers. And
// the clock and the waiting that the benchmarks share.

import { Agent, request } from 'node:http';
import { hrtime } from 'node:process';
import { MeercatError } from '../errors.js';
import type { Role } from '../model.js';

/** What a balancer's health page says, as far as the benchmarks look. */
export interface HealthPage {
  readonly status: string;
  readonly role: Role;
  readonly term: number;
  readonly hosts: number;
  readonly inflight: number;
}

const ASK_TIMEOUT_MS = 2000;

const REUSED = ' on a kept connection';

/** An answer: status 0 stands for none, and then `body` says why. */
export interface HealthAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sends one GET to a port of loopback; never rejects. */
export function get(port: number, path: string, agent: Agent, timeoutMs: number = ASK_TIMEOUT_MS): Promise<HealthAnswer> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path, agent, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.complete ? (response.statusCode ?? 0) : 0, body }));
      response.on('error', (error) => resolve({ status: 0, body: error.message }));
    });
    // On a connection that served before, the request may have crossed its closing on the way.
    asked.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ status: 0, body: `${error.code ?? error.message}${asked.reusedSocket ? REUSED : ''}` }),
    );
    asked.on('timeout', () => asked.destroy(new Error('timeout')));
    asked.end();
  });
}

/** Reads a health page; null while there is none. */
export async function readHealth(consolePort: number, agent: Agent): Promise<HealthPage | null> {
  const { status, body } = await get(consolePort, '/.meercat/health', agent);
  if (status !== 200 && status !== 503) return null;
  try {
    return JSON.parse(body) as HealthPage;
  } catch {
    return null;
  }
}

/** Waits until this holds, asking every few milliseconds; rejects at the deadline with `what`. */
export async function until(what: string, timeoutMs: number, everyMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new MeercatError('MEERCAT_START_FAILED', `waited ${timeoutMs} ms in vain until ${what}`);
    await pause(everyMs);
  }
}

/** The time in milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function machineMs(): number {
  return Number(hrtime.bigint()) / 1e6;
}

/** A pause of so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
