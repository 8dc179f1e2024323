// `meercat up`: a whole fleet on this machine, each part in a process of its own. This process starts
// them, starts those again that die, shows how they do, and stops them in order. None outlives it.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { CONSOLE_PORT_OFFSET, CONSOLE_TOKEN_VARIABLE } from '../config/config.js';
import { openKeyFile } from '../config/key-file.js';
import { formatStaticHost } from '../config/values.js';
import { connectForPerson } from '../console/status.js';
import { listenError } from '../listen-error.js';
import { agentArgsOf, type Demo, type Keep, planDemoHosts, shownName, startDemo } from './demo-hosts.js';
import { keepProcess, type KeptProcess, type OnMessage } from './kept-process.js';
import { keepLocalRedis } from './local-redis.js';
import type { Log, LogLevel } from '../log.js';
import type { Algorithm, GivenHost } from '../model.js';
import { parseRedisAddress } from '../redis/address.js';
import { openSubscription } from '../redis/connect.js';
import { type FleetEvent, WHOLE_FLEET } from '../redis/event-message.js';
import { KeyRing } from '../redis/fleet-key.js';
import { publishEvent } from '../redis/fleet-store.js';
import { buildKeys } from '../redis/keys.js';
import { type FleetView, readFleet } from '../redis/fleet-view.js';
import { MessageGate } from '../redis/message-gate.js';
import { MessageSigner } from '../redis/sign.js';
import { openEvent } from '../redis/signed-messages.js';
import { writeAgentKeyFiles } from './agent-key-files.js';
import { createRollingRestart } from './rolling-restart.js';
import { announceFleet, type RunningFleet, unannouncedReason } from './running-fleet.js';
import { createShutdown } from '../shutdown.js';
import type { Site, SiteRoute } from '../site-model.js';
import { countingStatics, siteHostsOf } from '../site-hosts.js';
import { readSiteToBe } from './site-to-be.js';
import { untilServing } from './until-serving.js';

/** The Redis that is started listens this far above the first balancer's port: two fleets never want the same one. */
const REDIS_PORT_OFFSET = 8000;

/** How long a balancer may take to finish what is in flight. */
const DRAIN_TIMEOUT_MS = 5000;

/** Options of `meercat up`. */
export interface LocalFleetOptions {
  readonly balancers: number;
  /** Demo hosts to start, with a site in each pool that names none; ignored when `statics` are given. */
  readonly hosts: number;
  /** The first balancer's port; the next ones follow. */
  readonly port: number;
  /** A Redis that runs already; null to start one. */
  readonly redis: string | null;
  readonly namespace: string;
  readonly algorithm: Algorithm;
  /** Hosts that run already. */
  readonly statics: readonly GivenHost[];
  /** The file with the fleet's key; empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  /** A file with the fleet's site, which becomes the fleet's where it has none; empty or missing for none. */
  readonly siteFile?: string | undefined;
  /** Where balancers keep the last site; empty or missing for nowhere. */
  readonly stateDir?: string | undefined;
  readonly logLevel: LogLevel;
  /** The compiled file of the command line, which the children run. */
  readonly entry: string;
}

/** What happens in the fleet, for whoever shows it. */
export interface LocalFleetEvents {
  /** One line: a part started, died, or said something. */
  onLine(line: string): void;
  /** The fleet says so itself. What is a line already, such as a restart, is no event. */
  onEvent(event: FleetEvent): void;
}

/** A running local fleet. */
export interface LocalFleet {
  /** Where it can be reached, as lines for a person. */
  readonly summary: readonly string[];
  /** The fleet as it stands in Redis; null while that can't be read. */
  view(): Promise<FleetView | null>;
  stop(): Promise<void>;
}

type Secrets = Readonly<Record<string, string>>;

/** Parts of one kind are stopped together: none needs another of its kind. */
async function stopAll(parts: readonly KeptProcess[]): Promise<void> {
  await Promise.all(parts.map((part) => part.stop()));
}

/** Starts the fleet; resolves when every balancer serves and knows every host. */
export async function startLocalFleet(options: LocalFleetOptions, events: LocalFleetEvents, log: Log): Promise<LocalFleet> {
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: String(error) }));
  try {
    return await start(options, events, shutdown, log);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function start(
  options: LocalFleetOptions,
  events: LocalFleetEvents,
  shutdown: ReturnType<typeof createShutdown>,
  log: Log,
): Promise<LocalFleet> {
  const { entry, namespace, fleetKeyFile = '', siteFile = '', stateDir = '' } = options;
  const keyFile = openKeyFile({ flag: '--fleet-key', file: fleetKeyFile, kinds: ['fleet'] }, log);
  shutdown.add(() => keyFile.close());
  const balancerPorts = Array.from({ length: options.balancers }, (_, index) => options.port + index);
  await Promise.all(
    balancerPorts.flatMap((port) => [
      checkPort(port),
      checkPort(port + CONSOLE_PORT_OFFSET, `, for the console of the balancer on ${port},`),
    ]),
  );

  const redis =
    options.redis === null
      ? await keepLocalRedis({ port: options.port + REDIS_PORT_OFFSET, entry, onLine: events.onLine, shutdown })
      : { url: options.redis, kind: 'running already' };
  const client = await connectForPerson(redis.url);
  shutdown.add(() => client.disconnect());
  const keys = buildKeys(namespace);
  const fleetFlags = ['--namespace', namespace, '--log-level', options.logLevel];

  const site = await readSiteToBe({ client, keys, namespace, siteFile, stateDir, onLine: events.onLine });
  const plans = options.statics.length > 0 ? [] : planDemoHosts(site, options.hosts);
  const keep = (name: string, argsOf: () => readonly string[], onMessage?: OnMessage, secrets?: Secrets): KeptProcess =>
    keepProcess({ entry, name, redis: redis.url, secrets, argsOf, onLine: events.onLine, onMessage });
  const consoleToken = ownConsoleToken();

  // Hosts first, so that an agent has something to speak of; stopped last.
  const demoParts: KeptProcess[] = [];
  shutdown.add(() => stopAll(demoParts));
  const keepDemo: Keep = (...args) => {
    const part = keep(...args);
    demoParts.push(part);
    return part;
  };
  const started = await Promise.all(plans.map((plan) => startDemo(plan, site !== null, keepDemo)));
  const demos = started.filter((demo) => demo !== null);
  const reporting = demos.filter(({ hasAgent }) => hasAgent);
  const ring = new KeyRing('--fleet-key', keyFile.text);
  const agentKeys = ring.isKeyed
    ? await writeAgentKeyFiles(
        reporting.map(({ name }) => name),
        keyFile.text,
      )
    : undefined;
  if (agentKeys !== undefined) shutdown.add(() => agentKeys.remove());
  const agentKeyFlags = (name: string): string[] => (agentKeys === undefined ? [] : ['--agent-key', agentKeys.fileOf(name)]);
  const fleetKeyFlags = fleetKeyFile === '' ? [] : ['--fleet-key', fleetKeyFile];
  const agents = reporting.map((demo) =>
    keep(`agent of ${shownName(demo)}`, () => ['agent', ...fleetFlags, ...agentKeyFlags(demo.name), ...agentArgsOf(demo)]),
  );
  const staticFlags = options.statics.flatMap((host) => ['--host', formatStaticHost(host)]);
  const siteFlags = [
    ...(siteFile === '' ? [] : ['--site', siteFile, '--publish-site']),
    ...(stateDir === '' ? [] : ['--state-dir', stateDir]),
  ];
  const balancers = balancerPorts.map((port, index) =>
    keep(
      `b${index + 1}`,
      () => [
        // One process each, whatever the environment says: the console's ports are taken by the next one.
        ...[
          'balancer',
          ...fleetFlags,
          ...fleetKeyFlags,
          '--name',
          `b${index + 1}`,
          '--processes',
          '1',
          '--bind',
          '127.0.0.1',
          '--port',
          String(port),
        ],
        ...['--console-port', String(port + CONSOLE_PORT_OFFSET), '--console-bind', '127.0.0.1', '--algorithm', options.algorithm],
        ...['--drain-delay', '0ms', '--drain-timeout', `${DRAIN_TIMEOUT_MS}ms`, ...staticFlags, ...siteFlags],
      ],
      undefined,
      consoleToken === '' ? {} : { [CONSOLE_TOKEN_VARIABLE]: consoleToken },
    ),
  );
  shutdown.add(() => stopAll(balancers));
  // Agents end first: while there is a master, it takes their hosts out of a Redis that others keep.
  shutdown.add(() => stopAll(agents));

  // A DNS name stands for any number of hosts.
  const statics = countingStatics(options.statics, site).filter(({ discovery }) => discovery === undefined);
  const hostCount = reporting.length + siteHostsOf(site).length + statics.length;
  await Promise.all(balancerPorts.map((port) => untilServing(port, hostCount)));
  const signer = new MessageSigner(ring, 'up');
  const gate = new MessageGate(ring, () => undefined, log);
  keyFile.watch((text) => {
    ring.replace('--fleet-key', text);
    gate.onKeys();
    agentKeys?.replace(text).catch((error: unknown) => events.onLine(`the agents' keys could not be written: ${String(error)}`));
  });

  const restarts = createRollingRestart(
    balancers.map(({ restart }, index) => ({
      name: `b${index + 1}`,
      restart,
      // Of another site's hosts nothing is known here; a balancer serves once it knows those of the fleet.
      untilServing: () => untilServing(balancerPorts[index] as number, site === null ? hostCount : 0),
    })),
    ({ kind, name, detail }) => {
      events.onLine(`restart${name === null ? '' : ` of ${name}`} ${kind.slice('restart-'.length)}: ${detail}`);
      void publishEvent(client, keys, { kind, name: name ?? WHOLE_FLEET, detail }, signer).catch(() => undefined);
    },
  );
  const requests = openSubscription(parseRedisAddress(redis.url), [keys.events], (_channel, text) => {
    const event = openEvent(gate, keys.events, text);
    if (!event.ok) return;
    if (event.value.kind === 'restart-requested') restarts.request();
    if (!event.value.kind.startsWith('restart-')) events.onEvent(event.value);
  });
  shutdown.add(() => {
    restarts.stop();
    requests.close();
  });
  shutdown.add(await announce({ namespace, redis: redis.url }, events));
  return {
    summary: summarize(options, redis, balancerPorts, demos, site, consoleToken),
    view: () => readFleet(client, keys).catch(() => null),
    stop: () => shutdown.run(),
  };
}

/** Lets the other commands on this machine find the fleet; it runs without that too. */
async function announce(fleet: RunningFleet, events: LocalFleetEvents): Promise<() => Promise<void>> {
  try {
    return await announceFleet(fleet);
  } catch (error) {
    events.onLine(unannouncedReason(error));
    return () => Promise.resolve();
  }
}

/** A token for the consoles of this fleet, which lasts as long as it; empty when the environment says which one counts. */
function ownConsoleToken(): string {
  const isGiven = [CONSOLE_TOKEN_VARIABLE, `${CONSOLE_TOKEN_VARIABLE}_FILE`].some((name) => (process.env[name] ?? '') !== '');
  return isGiven ? '' : randomBytes(16).toString('hex');
}

/** What a person can paste into a shell: never a command that would reach another Redis than the fleet's. */
function summarize(
  options: LocalFleetOptions,
  redis: { url: string; kind: string },
  ports: readonly number[],
  demos: readonly Demo[],
  site: Site | null,
  consoleToken: string,
): string[] {
  // Behind the #, which browsers keep to themselves.
  const token = consoleToken === '' ? '' : `#token=${consoleToken}`;
  const note = redis.kind === 'js-redis-server' ? ', a Redis in JavaScript: for trying out only' : '';
  // Balancers take their other flags from variables, which they inherit.
  const scheme = (process.env['MEERCAT_TLS_CERT'] ?? '') === '' ? 'http' : 'https';
  const named = demos.filter(({ hasAgent }) => !hasAgent);
  return [
    `balancers  ${ports.map((port) => `${scheme}://127.0.0.1:${port}`).join('  ')}`,
    `dashboard  http://127.0.0.1:${(ports[0] as number) + CONSOLE_PORT_OFFSET}/.meercat/${token}`,
    `redis      ${options.redis === null ? redis.url : 'as given by --redis'} (${redis.kind}${note})`,
    ...(named.length > 0 ? [`demo hosts ${named.map((demo) => `${shownName(demo)} at ${demo.url()}`).join(', ')}, as the site says`] : []),
    `try        ${site === null ? `${curlFor(scheme)} '${scheme}://127.0.0.1:${ports[0]}/work?ms=5'` : exampleCommand(site, scheme, ports[0] as number)}`,
    ...(options.redis === null
      ? [`           npx meercat redis-cli --redis ${redis.url} hgetall ${shellWord(`${options.namespace}:master`)}`]
      : []),
  ];
}

/** A request that the site forwards, if one can be told from its routes. */
function exampleCommand({ routes }: Site, scheme: string, port: number): string {
  const isPlain = ({ action, match }: SiteRoute): boolean =>
    action.kind === 'forward' &&
    match.headers.length + match.query.length + match.methods.length === 0 &&
    (match.scheme ?? scheme) === scheme;
  const match = routes.find(isPlain)?.match;
  const host = match?.hosts[0]?.replace('*', 'www');
  return `${curlFor(scheme)} -i ${host === undefined ? '' : `-H 'Host: ${host}' `}${shellWord(`${scheme}://127.0.0.1:${port}${match?.path?.value ?? '/'}`)}`;
}

/** The command; a certificate of one's own for 127.0.0.1 is known to nobody. */
function curlFor(scheme: string): string {
  return scheme === 'https' ? 'curl -k' : 'curl';
}

/** A word as a shell takes it. */
function shellWord(text: string): string {
  return /^[\w.:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED when this port of loopback can't be listened on. */
function checkPort(port: number, use = ''): Promise<void> {
  const listening = { port, bind: '127.0.0.1', portFlag: '--port', bindFlag: '--port', shown: `port ${port}${use}` };
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error) => reject(listenError(error, listening)));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}
