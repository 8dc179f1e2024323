// The reporting loop beside a host: probe, publish, again. One direction, no replies, nothing kept: a
// report that can't be sent now is worth nothing later.

import { randomUUID } from 'node:crypto';
import { type KeyFile, openKeyFile } from '../config/key-file.js';
import { MeercatError, messageOf } from '../errors.js';
import { hostIdOf } from '../host-id.js';
import type { Log } from '../log.js';
import type { Report } from '../model.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';
import { isDenial, openCommands, reasonOf } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import { isInScope, KeyRing } from '../redis/fleet-key.js';
import { encodeReport } from '../redis/report-message.js';
import { MessageSigner } from '../redis/sign.js';
import { GONE_LINE, LEAVE_LINE, serveLine } from './agent-check.js';
import { type AgentCheckServer, openAgentCheckServer } from './agent-check-server.js';
import { openProbe } from './probe.js';
import type { ProbeReading } from './probe-model.js';

/** Agents that start together must not report together: each pause is up to this much shorter or longer. */
const JITTER = 0.1;

/** Longest time to repeat the goodbye until the master has removed the host. */
const GOODBYE_TIMEOUT_MS = 2000;
const GOODBYE_EVERY_MS = 50;

/** Reports between two checks for another host with this one's name. */
const NAME_CHECK_EVERY = 10;

/** Figures stay valid for HAProxy for this many report intervals: the time after which a host counts as silent. */
const TOLD_FOR_REPORTS = 3;
const TOLD_FOR_MS = 3000;

/** Options of an agent. */
export interface AgentConfig {
  /** The address of the data Redis. */
  readonly redis: string;
  readonly namespace: string;
  /** The host's name. */
  readonly name: string;
  /** The host's origin, as reached by the balancers. */
  readonly url: string;
  /** The pools that the host serves in: 1 to 16. */
  readonly pools: readonly string[];
  /** The file with the agent's key; empty or missing: reports are not signed. */
  readonly agentKeyFile?: string | undefined;
  readonly intervalMs: number;
  /** What to probe; see `openProbe`. */
  readonly probe: string;
  /** Cores available to the host, if the probe can't determine it. */
  readonly coresLimit?: number | undefined;
  /** Where to answer HAProxy's agent checks; undefined: nowhere. Port 0 takes any free port. */
  readonly agentCheck?: { readonly port: number; readonly bind: string } | undefined;
  /** Called when the probed process (`pid:N`) has ended: there is nothing left to report. */
  readonly onGone: () => void;
}

/** A running agent. */
export interface Agent {
  /** Where HAProxy's agent checks are answered; null when nowhere. */
  readonly agentCheckPort: number | null;
  /** Reads the file with the agent's key again, which also happens by itself when it changes. Throws MEERCAT_BAD_CONFIG and keeps the old key if the new one is invalid. */
  reloadKey(): void;
  /** Sends a goodbye, so that the host gets no further requests, and stops. */
  stop(): Promise<void>;
}

/** Starts reporting. Rejects if the probe or the agent-check port can't be opened; survives any loss of Redis. */
export async function startAgent(options: AgentConfig, log: Log): Promise<Agent> {
  const { name, url, pools, intervalMs } = options;
  const address = parseRedisAddress(options.redis);
  const keys = buildKeys(options.namespace);
  const hostKeys = pools.map((pool) => keys.host(hostIdOf(pool, name)));
  const ring = new KeyRing();
  const keyFile = openAgentKey(options, ring, log);
  const signer = new MessageSigner(ring, name);
  const probe = await openProbe(options.probe, { timeoutMs: Math.max(intervalMs, 1000), coresLimit: options.coresLimit }).catch(
    (error: unknown) => {
      keyFile.close();
      throw error;
    },
  );
  let timer: NodeJS.Timeout | undefined;
  let isProbing = false;
  let isProbeFailing = false;
  let isStopping = false;
  let reports = 0;
  let hasSharedName = false;
  let isGone = false;
  let deniedReason: string | undefined;
  let last: { readonly reading: ProbeReading; readonly atMs: number } | undefined;
  const unknown = { host: name, url, pools, cpu: null, memory: null, cores: null, rps: null, intervalMs, instance: randomUUID() };

  // Before connecting to Redis: the handlers of that connection use it.
  const check = await openCheck();

  const client = openCommands(address, {
    onReady: () => {
      log('info', 'redis is reachable', { redis: describeAddress(address) });
      void report();
    },
    onLost: (reason) => {
      if (!isStopping) log('warn', 'redis is not reachable; reports go on when it is', { redis: describeAddress(address), reason });
    },
  });

  async function openCheck(): Promise<AgentCheckServer | undefined> {
    if (options.agentCheck === undefined) return undefined;
    const { port, bind } = options.agentCheck;
    const opened = await openAgentCheckServer(port, bind, checkLine).catch((error: unknown) => {
      probe.close();
      keyFile.close();
      throw error;
    });
    log('info', "HAProxy's agent checks are answered", { address: `${bind}:${opened.port}` });
    return opened;
  }

  /** The agent-check line for HAProxy. */
  function checkLine(): string {
    if (isGone) return GONE_LINE;
    const isKnown = last !== undefined && performance.now() - last.atMs <= Math.max(TOLD_FOR_MS, TOLD_FOR_REPORTS * intervalMs);
    if (isStopping || (isKnown && last?.reading.isOut === true)) return LEAVE_LINE;
    return serveLine(isKnown ? last?.reading : undefined);
  }

  async function report(): Promise<void> {
    clearTimeout(timer);
    if (isStopping) return;
    timer = setTimeout(() => void report(), intervalMs * (1 + JITTER * (Math.random() * 2 - 1)));
    // Never run two probes at once if one takes longer than the interval.
    if ((client.status !== 'ready' && check === undefined) || isProbing) return;
    isProbing = true;
    try {
      const reading = await probe.read();
      const { isOut = false, ...figures } = reading;
      last = { reading, atMs: performance.now() };
      if (isProbeFailing) log('info', 'the probe works again', { probe: probe.kind });
      isProbeFailing = false;
      if (isStopping || client.status !== 'ready') return;
      publish({ ...unknown, ...figures, bye: isOut });
      if (reports++ % NAME_CHECK_EVERY === 1) await noticeSharedName();
    } catch (error) {
      // A process never comes back; another one with its pid would be another host.
      isGone = probe.kind === 'pid';
      // Send no report: the master then checks the host itself.
      const what = isGone ? 'the probed process is gone, and so is its agent' : 'the probe fails; nothing is reported until it works';
      if (!isProbeFailing) log('warn', what, { probe: probe.kind, reason: messageOf(error) });
      isProbeFailing = true;
      if (isGone) options.onGone();
    } finally {
      isProbing = false;
    }
  }

  /** Detects another host of this name at another address, in one of the pools: the master accepts its reports and drops ours. */
  async function noticeSharedName(): Promise<void> {
    const known = await Promise.all(hostKeys.map((key) => client.hget(key, 'url').catch(() => null)));
    const other = known.find((each) => each !== null && each !== url);
    if (typeof other === 'string' && !hasSharedName)
      log('error', 'another host uses the same name: give each its own with --name', { host: name, other: other.slice(0, 200) });
    hasSharedName = typeof other === 'string';
  }

  function publish(message: Report): void {
    client.publish(keys.reports, signer.sign(keys.reports, encodeReport(message), 'agent')).then(
      () => (deniedReason = undefined),
      (error: unknown) => {
        const reason = reasonOf(error);
        // The connection itself is fine, so nothing else would explain why the host is not in the fleet.
        const isNews = isDenial(reason) && reason !== deniedReason;
        if (isNews) deniedReason = reason;
        log(isNews ? 'warn' : 'debug', 'a report could not be sent', { reason });
      },
    );
  }

  /**
   * Pub/sub stores nothing, and there may be no master at the moment: repeats the goodbye until the host is out of the
   * table, or no balancer is left. Without an answer, or the right to get one, neither is known.
   */
  async function sayGoodbye(): Promise<void> {
    const deadline = performance.now() + GOODBYE_TIMEOUT_MS;
    while (client.status === 'ready' && performance.now() < deadline) {
      publish({ ...unknown, bye: true });
      await new Promise((resolve) => {
        setTimeout(resolve, GOODBYE_EVERY_MS);
      });
      const answers = Promise.all([client.exists(...hostKeys), client.zcard(keys.balancers)]);
      const [isKnown, balancers] = await answers.catch((error: unknown) => (isDenial(reasonOf(error)) ? [0, 0] : [1, 1]));
      if (isKnown === 0 || balancers === 0) return;
    }
  }

  void report();
  log('info', 'agent reports', { host: name, url, pools: pools.join(','), probe: probe.kind, interval_ms: intervalMs });
  return {
    agentCheckPort: check?.port ?? null,
    reloadKey: () => keyFile.reload(),
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      await Promise.all([sayGoodbye(), check?.untilHeard()]);
      check?.close();
      probe.close();
      keyFile.close();
      client.disconnect();
    },
  };
}

/** Opens the file with the agent's key and fills the ring with it. Throws MEERCAT_BAD_CONFIG, also for a key of another host. */
function openAgentKey({ agentKeyFile: file = '', name }: AgentConfig, ring: KeyRing, log: Log): KeyFile {
  const flag = '--agent-key';
  const use = (text: string): void => {
    ring.replace(`${flag} ${file}`, text, ['agent']);
    if (ring.isKeyed && !isInScope(name, ring.scope))
      log('error', 'the agent’s key is for another host: its reports do not count', { host: name, key_for: ring.scope });
  };
  const keyFile = openKeyFile({ flag, file, kinds: ['agent'] }, log);
  ring.replace(`${flag} ${file}`, keyFile.text, ['agent']);
  if (!ring.isKeyed || isInScope(name, ring.scope)) {
    keyFile.watch(use);
    return keyFile;
  }
  throw new MeercatError(
    'MEERCAT_BAD_CONFIG',
    `${flag} ${file}: the key is for the host ${ring.scope}, and this agent reports ${name} (--name): meercat fleet-key agent --host ${name} prints its key`,
  );
}
