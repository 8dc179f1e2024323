// Which demo hosts `meercat up` starts, and their processes. Without a site: some in the pool `default`. With one: some
// in each pool that names no hosts, and one at each address of this machine that the site names and nothing listens on.
// Invariant: hosts that run already, or elsewhere, are left to whoever runs them.

import { createServer } from 'node:net';
import { MeercatError } from '../errors.js';
import { hostIdOf } from '../host-id.js';
import { DEFAULT_POOL, type Site } from '../site-model.js';
import type { KeptProcess, OnMessage } from './kept-process.js';
import { START_TIMEOUT_MS } from './until-serving.js';

/** A demo host to start. */
export interface DemoPlan {
  /** Its name in the fleet, unique among demo hosts that have agents. */
  readonly name: string;
  /** The pools that it serves in. */
  readonly pools: readonly string[];
  /** 0 for any free one. */
  readonly port: number;
  /** Whether the site names it with `h2://`; it speaks both versions of HTTP. */
  readonly isHttp2: boolean;
  /** Whether it joins the fleet by an agent; else the site names it. */
  readonly hasAgent: boolean;
}

/** Names by which a site can name this machine. */
const THIS_MACHINE: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost']);

/** Plans demo hosts; `perPool` is their number in each pool that names none. Null: no site. */
export function planDemoHosts(site: Site | null, perPool: number): DemoPlan[] {
  const bare =
    site === null
      ? [DEFAULT_POOL]
      : site.pools.filter((pool) => pool.hosts.length === 0 && isUsed(site, pool.name)).map(({ name }) => name);
  let count = 0;
  const agents = bare.flatMap((pool) =>
    Array.from({ length: perPool }, (): DemoPlan => ({ name: `h${++count}`, pools: [pool], port: 0, isHttp2: false, hasAgent: true })),
  );
  const named = new Map<number, DemoPlan>();
  for (const pool of site?.pools ?? []) {
    for (const { name, url, discovery } of pool.hosts) {
      const { protocol, hostname, port } = new URL(url);
      if (discovery !== 'none' || (protocol !== 'http:' && protocol !== 'h2:') || !THIS_MACHINE.has(hostname)) continue;
      const number = port === '' ? 80 : Number(port);
      const known = named.get(number);
      named.set(number, {
        name: known?.name ?? name,
        pools: [...(known?.pools ?? []), pool.name],
        port: number,
        isHttp2: protocol === 'h2:',
        hasAgent: false,
      });
    }
  }
  return [...named.values(), ...agents];
}

/** `default` always exists: it counts only where a route leads to it. */
function isUsed(site: Site, pool: string): boolean {
  return pool !== DEFAULT_POOL || site.routes.some(({ action }) => action.kind === 'forward' && action.to.some((to) => to.pool === pool));
}

/** The name of a demo host in lines and answers. */
export function shownName({ name, pools }: Pick<DemoPlan, 'name' | 'pools'>): string {
  return hostIdOf(pools[0] as string, name);
}

/** A demo host that runs. */
export interface Demo extends DemoPlan {
  url(): string;
  /** Of its current process. */
  pid(): number;
}

/** Starts a process and keeps it running. */
export type Keep = (name: string, argsOf: () => readonly string[], onMessage: OnMessage) => KeptProcess;

/**
 * Starts a demo host; resolves once it listens, with null when something else listens at its address already. Rejects
 * with MEERCAT_START_FAILED after 30 s.
 * @param isShowing whether it answers with the request that it got
 */
export async function startDemo(plan: DemoPlan, isShowing: boolean, keep: Keep): Promise<Demo | null> {
  const name = shownName(plan);
  if (plan.port !== 0 && !(await isFree(plan.port))) return null;
  let { port } = plan;
  let pid = 0;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new MeercatError('MEERCAT_START_FAILED', `demo host ${name} did not start`)), START_TIMEOUT_MS);
    keep(
      name,
      // Started again it takes the same port, so that it is the same host.
      () => ['demo-host', '--name', name, '--port', String(port), ...(isShowing ? ['--show-request'] : [])],
      (message, child) => {
        port = (message as { port: number }).port;
        pid = child.pid ?? 0;
        clearTimeout(timer);
        resolve();
      },
    );
  });
  return { ...plan, url: () => `${plan.isHttp2 ? 'h2' : 'http'}://127.0.0.1:${port}`, pid: () => pid };
}

/** The arguments of the agent beside a demo host, without those of the fleet. */
export function agentArgsOf({ name, pools, url, pid }: Demo): string[] {
  return ['--name', name, '--url', url(), ...pools.flatMap((pool) => ['--pool', pool]), '--probe', `pid:${pid()}`, '--cores', '1'];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
