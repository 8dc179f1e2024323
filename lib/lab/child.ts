// Entry point of the lab's child processes: hosts, bare proxies, a watched balancer, load generators, a picker. Started
// by `processes.ts` with an IPC channel, never imported. Each exits with its parent.

import { createShutdown, endWithParent, stopOnSignals } from '../shutdown.js';

/** Starts a role; the role itself sends `{ type: 'ready', … }` on the channel. */
const ROLES: Readonly<Record<string, (args: readonly string[]) => Promise<() => void | Promise<void>>>> = {
  host: async (args) => (await import('./raw-host.js')).runRawHost(args),
  'grpc-host': async (args) => (await import('./grpc-host.js')).runGrpcHost(args),
  'churn-host': async (args) => (await import('./churn-host.js')).runChurnHost(args),
  'chaos-host': async (args) => (await import('./chaos/chaos-host.js')).runChaosHost(args),
  'bare-proxy': async (args) => (await import('./bare-proxy.js')).runBareProxy(args),
  'undici-proxy': async (args) => (await import('./undici-proxy.js')).runUndiciProxy(args),
  'watched-balancer': async (args) => (await import('./watched-balancer.js')).runWatchedBalancer(args),
  'virtual-hosts': async (args) => (await import('./virtual-hosts.js')).runVirtualHosts(args),
  'proof-simulation': async () => (await import('./proof/simulation-part.js')).runProofSimulation(),
  arrivals: async () => (await import('./arrivals.js')).runArrivals(),
  'latency-load': async (args) => (await import('./latency-load.js')).runLatencyLoad(args),
  'idle-load': async (args) => (await import('./idle-load.js')).runIdleLoad(args),
  load: async (args) => (await import('./closed-load.js')).runClosedLoad(args),
  pick: async (args) => (await import('./picker.js')).runPicker(args),
  record: async (args) => (await import('./record-timer.js')).runRecordTimer(args),
  route: async (args) => (await import('./router-timer.js')).runRouterTimer(args),
  'fault-host': async (args) => (await import('./proof/faults-host.js')).runFaultHost(args),
  'fault-load': async () => (await import('./proof/faults-load.js')).runFaultLoad(),
  'site-hosts': async (args) => (await import('./site-roles.js')).runSiteHosts(args),
  'site-balancer': async (args) => (await import('./site-roles.js')).runSiteBalancer(args),
  'site-load': async () => (await import('./site-load.js')).runSiteLoad(),
  ablated: async () => (await import('./ablated-run.js')).runAblated(),
};

endWithParent();
const [name = '', ...args] = process.argv.slice(2);
const role = ROLES[name];
if (role === undefined) throw new Error(`no such role: ${name}`);
const shutdown = createShutdown(() => undefined);
stopOnSignals(shutdown, () => undefined);
shutdown.add(await role(args));
