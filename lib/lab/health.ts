// Reads balancers' health pages and responses, as an operator's tools do. Also the clock and the polling that the
// benchmarks share.

import { Agent, request } from 'node:http';
import { hrtime } from 'node:process';
import { MeercatError } from '../errors.js';
import type { Role } from '../model.js';

/** The fields of a health page that the benchmarks use. */
export interface HealthPage {
  readonly status: string;
  readonly role: Role;
  readonly term: number;
  readonly hosts: number;
  readonly inflight: number;
}

const ASK_TIMEOUT_MS = 2000;

const REUSED = ' on a kept connection';

/** A response; status 0 means none, and `body` gives the reason. */
export interface HealthAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sends one GET to a loopback port; never rejects. */
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
    // On a reused connection, the request may have raced with its close.
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

/** Polls until the condition holds; rejects at the deadline with `what`. */
export async function until(what: string, timeoutMs: number, everyMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new MeercatError('MEERCAT_START_FAILED', `waited ${timeoutMs} ms for ${what}`);
    await pause(everyMs);
  }
}

/** The time in milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function machineMs(): number {
  return Number(hrtime.bigint()) / 1e6;
}

/** Waits this many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
