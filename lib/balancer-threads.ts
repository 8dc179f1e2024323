// Starts and stops the fleet and hosts threads of one balancer. The two threads share a message channel of their own;
// when either is restarted, both get a new channel.

import { MessageChannel } from 'node:worker_threads';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import type { Shutdown } from './shutdown.js';
import type { Count } from './table/counters.js';
import type { FleetThreadData, FromFleet, FromHosts, HostsThreadData, ThreadConfig, ToFleet, ToHosts } from './thread-messages.js';
import type { KeepThread } from './threads.js';

/** How to start the threads, and the callbacks for their events. */
export interface BalancerThreadsOptions {
  /** The compiled files of the threads. */
  readonly entries: Readonly<Record<'fleet' | 'hosts', URL>>;
  /** Starts a thread and keeps it running. */
  readonly keep: KeepThread;
  readonly table: SharedArrayBuffer;
  readonly config: ThreadConfig;
  /** The text of the file with the fleet key, at each start of a thread. */
  readonly fleetKey: () => string;
  /** Queue of messages for the fleet thread; connected here. */
  readonly toFleet: Outbox<ToFleet>;
  /** Returns the initial state for a fleet thread; called at each start. */
  readonly present: () => Omit<FleetThreadData, 'table' | 'config' | 'fleetKey' | 'hostsPort'>;
  readonly onFleetMessage: (message: FromFleet) => void;
  /** Called when the fleet thread has died, before it is restarted. */
  readonly onFleetDeath: () => void;
  readonly count: Count;
  readonly log: Log;
  /** Receives the closers; the fleet thread stops first. */
  readonly shutdown: Shutdown;
}

/** Starts both threads; the function it returns gives them another fleet key. */
export function startThreads({
  entries,
  keep,
  table,
  config,
  fleetKey,
  toFleet,
  present,
  onFleetMessage,
  onFleetDeath,
  count,
  log,
  shutdown,
}: BalancerThreadsOptions): (text: string) => void {
  const ports = new MessageChannel();
  const hosts = keep<ToHosts, FromHosts>({
    entry: entries.hosts,
    start(isAgain) {
      const { port1, port2 } = isAgain ? new MessageChannel() : ports;
      if (isAgain) toFleet.post({ type: 'hosts-port', port: port1 }, [port1]);
      const data: HostsThreadData = { table, config, fleetKey: fleetKey(), fleetPort: port2 };
      return { data, transfer: [port2] };
    },
    onMessage: (message) => {
      if (message.type === 'log') log(...message.line);
    },
    onDeath(reason) {
      count('hosts_thread_restarts');
      log('error', 'the hosts thread died and is started again', { reason });
    },
    stopMessage: { type: 'stop' },
  });
  shutdown.add(() => hosts.stop());

  const fleet = keep<ToFleet, FromFleet>({
    entry: entries.fleet,
    start(isAgain) {
      const { port1, port2 } = isAgain ? new MessageChannel() : ports;
      if (isAgain) hosts.post({ type: 'fleet-port', port: port2 }, [port2]);
      const data: FleetThreadData = { ...present(), table, config, fleetKey: fleetKey(), hostsPort: port1 };
      return { data, transfer: [port1] };
    },
    onMessage: onFleetMessage,
    onDeath(reason) {
      count('fleet_thread_restarts');
      log('error', 'the fleet thread died and is started again; routing goes on', { reason });
      onFleetDeath();
    },
    stopMessage: { type: 'stop' },
  });
  toFleet.connect(fleet);
  shutdown.add(() => fleet.stop());
  return (text) => {
    hosts.post({ type: 'fleet-key', text });
    fleet.post({ type: 'fleet-key', text });
  };
}
