// A balancer whose CPU time can be read by thread, from outside: its worker threads announce their thread ids.

import { LabBalancer } from './lab-fleet.js';
import { threadSecondsOf } from './process-cpu.js';
import type { StartOptions } from './processes.js';

/** CPU time of a balancer so far, in seconds. */
export interface BalancerCpuSeconds {
  readonly fleet: number;
  readonly hosts: number;
  /** The main thread, which handles the requests. */
  readonly traffic: number;
  /** V8's helper threads for garbage collection and compilation, of all three isolates. */
  readonly helpers: number;
}

/** A balancer with the thread ids of its threads. */
export class MeteredBalancer {
  readonly balancer: LabBalancer;
  readonly #stderr: () => string;

  private constructor(balancer: LabBalancer, stderr: () => string) {
    this.balancer = balancer;
    this.#stderr = stderr;
  }

  /** Starts a balancer without static hosts, as {@link LabBalancer.start} does; `flags` are additional. */
  static async start(
    entry: string,
    name: string,
    redisUrl: string,
    { core, shutdown }: Pick<StartOptions, 'core' | 'shutdown'>,
    flags: readonly string[] = [],
  ): Promise<MeteredBalancer> {
    let stderr = '';
    const onStderr = (text: string): void => {
      stderr += text;
    };
    const options = { core, shutdown, onStderr, nodeFlags: ['--import', new URL('./thread-names.js', import.meta.url).href] };
    return new MeteredBalancer(await LabBalancer.start(entry, name, redisUrl, [], options, flags), () => stderr);
  }

  /** Reads the CPU time so far. */
  read(): BalancerCpuSeconds {
    const { pid } = this.balancer.process;
    const threads = threadSecondsOf(pid);
    const of = (thread: string | undefined): number => threads.get(thread ?? '') ?? Number.NaN;
    const [fleet, hosts, traffic] = [of(this.#threadOf('fleet')), of(this.#threadOf('hosts')), of(String(pid))];
    return { fleet, hosts, traffic, helpers: [...threads.values()].reduce((sum, each) => sum + each, 0) - fleet - hosts - traffic };
  }

  /** The latest thread id: a restarted thread announces itself again. */
  #threadOf(name: string): string | undefined {
    return [...this.#stderr().matchAll(new RegExp(`^thread ${name} (\\d+)$`, 'gm'))].at(-1)?.[1];
  }
}
