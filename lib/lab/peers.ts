// The proxies that forwarding is compared between, each with one process or thread that does the work:
// a bare http-proxy, nginx and HAProxy where they are installed, and a balancer of ours.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from './context.js';
import { LabBalancer, type LabHost, startLabRedis } from './lab-fleet.js';
import { findProgram, freePort, type StartOptions, startProgram, startRole } from './processes.js';

/** A proxy that runs. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  /** The process whose CPU is counted, with its threads and children. */
  readonly pid: number;
}

/** The name of the proxy that the others are compared with. */
export const BARE = 'bare http-proxy';

/** The name of ours. */
export const OURS = 'meercat';

/** Starts all proxies that can be started here, bound to `core`; in the order in which they are listed. */
export async function startPeers({ entry, say, shutdown }: BenchContext, host: LabHost, core: number | null): Promise<Peer[]> {
  const options = { core, shutdown };
  const { child, ready } = await startRole('bare-proxy', [host.url], options);
  const peers: Peer[] = [{ name: BARE, port: Number(ready.port), pid: child.pid }];

  const redis = await startLabRedis(entry, shutdown);
  const balancer = await LabBalancer.start(entry, 'b1', redis.url, [host], options);
  await balancer.untilServing(1);
  peers.push({ name: OURS, port: balancer.port, pid: balancer.process.pid });

  for (const [name, start] of [['nginx', startNginx], ['haproxy', startHaproxy]] as const) {
    const path = findProgram(name);
    if (path === undefined) say(`${name} is not installed: left out`);
    else peers.push(await start(path, host, options));
  }
  return peers;
}

function temporaryFolder({ shutdown }: StartOptions): string {
  const folder = mkdtempSync(join(tmpdir(), 'meercat-bench-'));
  shutdown.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startNginx(path: string, host: LabHost, options: StartOptions): Promise<Peer> {
  const port = await freePort();
  const folder = temporaryFolder(options);
  const file = join(folder, 'nginx.conf');
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  writeFileSync(file, `
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_timeout 65s; keepalive_requests 1000000000; ${kept}
  upstream host { server 127.0.0.1:${host.port}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { proxy_pass http://host; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`);
  const { pid } = await startProgram(path, ['-p', folder, '-e', `${folder}/error.log`, '-c', file], options);
  return { name: 'nginx', port, pid };
}

async function startHaproxy(path: string, host: LabHost, options: StartOptions): Promise<Peer> {
  const port = await freePort();
  const file = join(temporaryFolder(options), 'haproxy.cfg');
  writeFileSync(file, `
global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 65s
  timeout server 60s
  http-reuse always
listen bench
  bind 127.0.0.1:${port}
  server h1 127.0.0.1:${host.port}
`);
  const { pid } = await startProgram(path, ['-db', '-q', '-f', file], options);
  return { name: 'haproxy', port, pid };
}
