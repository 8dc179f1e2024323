// Third-party proxies, if installed: each with a single worker process or thread, a minimal configuration, and WebSockets
// enabled; TLS 1.3 only. Each program checks its configuration before it is started with it. Their files are in a temporary
// folder that is removed afterwards.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeercatError } from '../errors.js';
import type { Protocol } from './context.js';
import type { LabCertificate } from './lab-certificate.js';
import { createRunFolder } from '../run-folder.js';
import { freePort, type LabProgram, type StartOptions, startProgram } from './processes.js';

/** How to start an installed program as a proxy in front of hosts. */
export interface PeerProgram {
  readonly name: 'nginx' | 'haproxy' | 'caddy';
  /** What makes its master process reload; absent if it has none. */
  readonly reloadSignal?: NodeJS.Signals;
  /**
   * Returns the content of a configuration in this folder, and the commands that start the program with it and that only
   * check it.
   */
  readonly build: (setup: ProgramSetup) => {
    readonly file: string;
    readonly config: string;
    readonly command: readonly [string, ...string[]];
    readonly check: readonly [string, ...string[]];
  };
}

interface ProgramSetup {
  /** The program's full path. */
  readonly path: string;
  readonly folder: string;
  readonly port: number;
  readonly hostPorts: readonly number[];
  readonly statusPort: number;
  readonly wishes: ProgramWishes;
}

/** Options of such a program. */
export interface ProgramWishes {
  /** Its keyword for a load balancing algorithm; the program's default unless set. */
  readonly balance?: string;
  /** HAProxy only: the ports where the agents of the hosts answer agent checks, which then set the weights of its servers. */
  readonly agentPorts?: readonly number[] | undefined;
  /** HTTP/1.1 by default. */
  readonly protocol?: Protocol;
  /** If set, it listens with TLS. */
  readonly certificate?: LabCertificate | undefined;
  /** Client connections that it must be able to hold; 4096 by default. */
  readonly maxConnections?: number | undefined;
  /** Finds dead hosts and retries on others as a careful operator would set it; nginx does so by default. */
  readonly findsDeadHosts?: boolean;
  /** It has a master process and a worker, so that it can reload. */
  readonly canReload?: boolean;
}

const DEFAULT_MAX_CONNECTIONS = 4096;

/** How often HAProxy asks the agents, which have a new figure each second; its default is 2 s. */
const AGENT_INTERVAL_MS = 250;

/** HAProxy's way to meet a dead host: it checks, and sends what was not answered to another one if that is safe. */
const HAPROXY_RETRIES = `
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless METH_GET`;
const HAPROXY_CHECK = ' check inter 1s fall 2';

/** Connections to hosts that are kept: with HTTP/2, as many as there can be requests, since nginx does not share them. */
const KEPT_CONNECTIONS: Readonly<Record<Protocol, number>> = { http1: 256, h2: 1024, grpc: 1024 };

const CHECK_TIMEOUT_MS = 10_000;

const nginx: PeerProgram = {
  name: 'nginx',
  reloadSignal: 'SIGHUP',
  build({ path, folder, port, hostPorts, wishes }) {
    const { balance, protocol = 'http1', certificate, maxConnections = DEFAULT_MAX_CONNECTIONS, canReload = false } = wishes;
    const tls =
      certificate === undefined
        ? ''
        : `ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile}; ssl_protocols TLSv1.3;`;
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
    const listen = `${tls === '' ? '' : ' ssl'}${protocol === 'http1' ? '' : ' http2'}`;
    const pass =
      protocol === 'grpc'
        ? 'grpc_pass grpc://host;'
        : `proxy_pass http://host; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;`;
    const config = `
daemon off; master_process ${canReload ? 'on' : 'off'}; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections ${maxConnections + 512}; }
http {
  access_log off; keepalive_timeout 65s; keepalive_requests 1000000000; client_max_body_size 0; ${kept}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream host { ${balance === undefined ? '' : `${balance}; `}${hostPorts.map((each) => `server 127.0.0.1:${each};`).join(' ')} keepalive ${KEPT_CONNECTIONS[protocol]}; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${listen} backlog=1024; ${tls}
    location / {
      ${pass}
    }
  }
}
`;
    const command = [path, '-p', folder, '-e', `${folder}/error.log`, '-c', join(folder, 'nginx.conf')] as const;
    return { file: 'nginx.conf', config, command, check: [...command, '-t', '-q'] };
  },
};

const haproxy: PeerProgram = {
  name: 'haproxy',
  reloadSignal: 'SIGUSR2',
  build({ path, folder, port, hostPorts, statusPort, wishes }) {
    const {
      balance,
      agentPorts,
      protocol = 'http1',
      certificate,
      maxConnections = DEFAULT_MAX_CONNECTIONS,
      findsDeadHosts = false,
      canReload = false,
    } = wishes;
    const agentOf = (index: number): string =>
      agentPorts === undefined ? '' : ` weight 100 check agent-check agent-port ${agentPorts[index]} agent-inter ${AGENT_INTERVAL_MS}ms`;
    const alpn = protocol === 'http1' ? '' : ' alpn h2';
    const serverProtocol = protocol === 'grpc' ? ' proto h2' : '';
    const status = agentPorts === undefined ? '' : `listen status\n  bind 127.0.0.1:${statusPort}\n  stats enable\n  stats uri /\n`;
    // HAProxy wants two descriptors per connection and exits if the limit is lower; idle connections need only one.
    const config = `
global
  maxconn ${maxConnections}
  no strict-limits
  nbthread 1
${canReload ? `  stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners\n` : ''}defaults
  mode http
  timeout connect 2s
  timeout client 65s
  timeout server 60s
  timeout tunnel 60s
  timeout check 2s
  http-reuse always
listen bench${findsDeadHosts ? HAPROXY_RETRIES : ''}
  bind 127.0.0.1:${port}${certificate === undefined ? '' : ` ssl crt ${certificate.bothFile} ssl-min-ver TLSv1.3${alpn}`}
${balance === undefined ? '' : `  balance ${balance}\n`}${hostPorts.map((each, index) => `  server h${index + 1} 127.0.0.1:${each}${serverProtocol}${agentOf(index)}${findsDeadHosts ? HAPROXY_CHECK : ''}\n`).join('')}${status}`;
    const file = join(folder, 'haproxy.cfg');
    return {
      file: 'haproxy.cfg',
      config,
      command: [path, ...(canReload ? ['-W'] : []), '-db', '-q', '-f', file],
      check: [path, '-c', '-q', '-f', file],
    };
  },
};

const caddy: PeerProgram = {
  name: 'caddy',
  build({ path, folder, port, hostPorts, wishes: { protocol = 'http1', certificate } }) {
    const config = `
{
  admin off
  auto_https off
  log default {
    output discard
  }
}
${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port} {
  bind 127.0.0.1
${certificate === undefined ? '' : `  tls ${certificate.certFile} ${certificate.keyFile} {\n    protocols tls1.3\n  }\n`}  reverse_proxy ${hostPorts.map((each) => `127.0.0.1:${each}`).join(' ')} {
    transport http {
      keepalive 65s
      keepalive_idle_conns_per_host ${KEPT_CONNECTIONS[protocol]}${protocol === 'grpc' ? '\n      versions h2c' : ''}
    }
  }
}
`;
    // Its state is removed with the folder; one thread, as for the others.
    const env = ['GOMAXPROCS=1', `HOME=${folder}`, `XDG_DATA_HOME=${folder}`, `XDG_CONFIG_HOME=${folder}`];
    const command = (verb: string) =>
      ['/usr/bin/env', ...env, path, verb, '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')] as const;
    return { file: 'Caddyfile', config, command: command('run'), check: command('validate') };
  },
};

/** All programs, in the order of the report. */
export const PEER_PROGRAMS: readonly PeerProgram[] = [nginx, haproxy, caddy];

/** A started program. */
export interface StartedProgram extends Pick<LabProgram, 'pid' | 'exited' | 'killAll' | 'stop'> {
  readonly port: number;
  /** Where its status page is, if it has agents. */
  readonly statusPort: number;
  /** Starts it again after it has ended, with the same ports and configuration. */
  readonly again: () => Promise<StartedProgram>;
}

/** Starts a program in front of these hosts. Rejects with MEERCAT_START_FAILED if the program refuses its configuration. */
export async function startPeerProgram(
  { build }: PeerProgram,
  path: string,
  hostPorts: readonly number[],
  options: StartOptions,
  wishes: ProgramWishes = {},
): Promise<StartedProgram> {
  const [port, statusPort] = [await freePort(), await freePort()];
  const { path: folder, remove } = createRunFolder('bench');
  options.shutdown.add(remove);
  const { file, config, command, check } = build({ path, folder, port, hostPorts, statusPort, wishes });
  writeFileSync(join(folder, file), config);
  await checkConfig(check);
  const [program, ...args] = command;
  const again = async (): Promise<StartedProgram> => {
    const { pid, exited, killAll, stop } = await startProgram(program, args, options);
    return { port, statusPort, pid, exited, killAll, stop, again };
  };
  return again();
}

function checkConfig([program, ...args]: readonly [string, ...string[]]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: CHECK_TIMEOUT_MS }, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new MeercatError('MEERCAT_START_FAILED', `it refuses its configuration: ${firstLine(stderr) ?? error.message}`));
    });
  });
}

function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '');
}
