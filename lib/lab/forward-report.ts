// The figures of `forward`: a table for each workload, medians over the rounds, and each proxy as a multiple
// of http-proxy as it comes.

import type { WorkloadName } from './context.js';
import { BARE, OURS, UNDICI } from './peers.js';
import { type BenchReport, type Goal, goalBelow, type Rows } from './report.js';
import { median, rounded } from './statistics.js';
import { WORKLOAD_OF } from './workloads.js';

/** Meercat's CPU for a small request, at most so much of bare http-proxy's. */
const SMALL_GOAL = 0.45;

/** One measurement of one proxy. */
export interface Sample {
  /** CPU time of the proxy for one request or message. */
  readonly cpuMicros: number;
  readonly perSecond: number;
  /** The share of one core that the proxy used: well below 1, it was not the proxy that was measured for speed. */
  readonly busy: number;
}

/** What was measured of one workload, by proxy. */
export interface WorkloadSamples {
  readonly name: WorkloadName;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

/** How it was measured. */
export interface Setup {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** What loads with small requests; all others are the lab's own. */
  readonly generator: 'wrk' | 'own';
  readonly isPinned: boolean;
}

/** Sums the measurements up. */
export function reportForward(setup: Setup, measured: readonly WorkloadSamples[], wrong: readonly string[]): BenchReport {
  const workloads = measured.map(({ name, samples }) => ({ name, proxies: figuresOf(samples) }));
  const { rounds, seconds, connections, generator, isPinned } = setup;
  return {
    notes: [
      `${connections} connections that are kept, a quarter of them for 1 MiB; ${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s in turns, medians;`,
      `load: ${generator === 'wrk' ? 'wrk for small requests, else ' : ''}the lab's own generator, which compares every byte;`,
      isPinned ? 'proxies bound to one core, load and host to another;' : 'nothing bound to a core;',
      'cpu: user and system time of the proxy with all threads; busy: its share of one core',
    ],
    tables: workloads.map(({ name, proxies }) => tableOf(name, proxies)),
    goals: workloads.flatMap(({ name, proxies }) => (name === 'small' ? smallGoals(proxies) : [])),
    wrong,
    figures: { ...setup, workloads },
  };
}

type Figures = Readonly<Record<'cpuMicros' | 'cpuMicrosMin' | 'cpuMicrosMax' | 'ofBare' | 'perSecond' | 'perSecondMin' | 'perSecondMax' | 'busy', number>> & { readonly name: string };

function figuresOf(samples: WorkloadSamples['samples']): Figures[] {
  const bareMicros = median((samples.get(BARE) ?? []).map(({ cpuMicros }) => cpuMicros));
  return [...samples].map(([name, list]) => {
    const micros = list.map(({ cpuMicros }) => cpuMicros);
    const rates = list.map(({ perSecond }) => perSecond);
    return {
      name,
      cpuMicros: rounded(median(micros), 1),
      cpuMicrosMin: rounded(Math.min(...micros), 1),
      cpuMicrosMax: rounded(Math.max(...micros), 1),
      ofBare: rounded(median(micros) / bareMicros, 2),
      perSecond: Math.round(median(rates)),
      perSecondMin: Math.round(Math.min(...rates)),
      perSecondMax: Math.round(Math.max(...rates)),
      busy: rounded(median(list.map(({ busy }) => busy)), 2),
    };
  });
}

function tableOf(name: WorkloadName, proxies: readonly Figures[]): Rows {
  const { title, unit } = WORKLOAD_OF[name];
  return [
    [title, `cpu µs/${unit}`, 'min', 'max', 'x bare', `${unit}s/s`, 'min', 'max', 'busy'],
    ...proxies.map((proxy) => [
      proxy.name, proxy.cpuMicros, proxy.cpuMicrosMin, proxy.cpuMicrosMax, proxy.ofBare, proxy.perSecond, proxy.perSecondMin, proxy.perSecondMax, proxy.busy,
    ]),
  ];
}

function smallGoals(proxies: readonly Figures[]): Goal[] {
  const of = (wanted: string): Figures | undefined => proxies.find(({ name }) => name === wanted);
  const [ours, undici] = [of(OURS), of(UNDICI)];
  return [
    goalBelow("meercat's CPU for one small request, as a multiple of bare http-proxy's", ours?.ofBare ?? Number.NaN, SMALL_GOAL, '', true),
    ...(undici === undefined ? [] : [goalBelow("the same, as a multiple of http-proxy's with undici", rounded((ours?.cpuMicros ?? Number.NaN) / undici.cpuMicros, 2), 1, '', true)]),
  ];
}
