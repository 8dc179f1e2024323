// The figures of `forward`: a table for each workload, medians over the rounds, and the CPU of each proxy as a
// multiple of bare http-proxy, nginx and HAProxy, if they are installed.

import { STREAMS_PER_CONNECTION, type WorkloadName } from './context.js';
import { PEER, type ProxyName } from './peers.js';
import { type BenchReport, type Goal, goalBelow, type Rows, unlessLacking } from './report.js';
import { median, rounded } from './statistics.js';
import { WORKLOAD_OF } from './workloads.js';

/** Upper limits of Meercat's CPU per request, as a multiple of another proxy's. */
const GOALS: readonly { readonly workload: WorkloadName; readonly of: ProxyName; readonly limit: number }[] = [
  { workload: 'small', of: PEER.bare, limit: 0.45 },
  { workload: 'small', of: PEER.undici, limit: 1 },
  { workload: 'small', of: PEER.nginx, limit: 1.75 },
  { workload: 'tls', of: PEER.nginx, limit: 2.2 },
  { workload: 'h2', of: PEER.nginx, limit: 3 },
  { workload: 'grpc', of: PEER.nginx, limit: 3 },
  { workload: 'down', of: PEER.haproxy, limit: 1.3 },
  { workload: 'up', of: PEER.haproxy, limit: 1.3 },
  { workload: 'websocket', of: PEER.nginx, limit: 1.1 },
];

/** One measurement of one proxy. */
export interface ForwardSample {
  /** User time of the proxy per request or message. */
  readonly userMicros: number;
  /** System time of the proxy per request or message. */
  readonly systemMicros: number;
  readonly perSecond: number;
  /** The share of one core that the proxy used: well below 1, it was not the proxy that was measured for speed. */
  readonly busy: number;
}

/** What was measured of one workload, by proxy. */
export interface WorkloadSamples {
  readonly name: WorkloadName;
  readonly samples: ReadonlyMap<string, readonly ForwardSample[]>;
}

/** How it was measured. */
export interface Setup {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** What loads with small requests over HTTP/1.1, and over HTTP/2; all others are the lab's own. */
  readonly generator: 'wrk' | 'own';
  readonly http2Generator: 'h2load' | 'own';
  readonly isPinned: boolean;
}

/** Sums the measurements up. */
export function reportForward(setup: Setup, measured: readonly WorkloadSamples[], wrong: readonly string[]): BenchReport {
  const workloads = measured.map(({ name, samples }) => ({ name, proxies: figuresOf(samples) }));
  const { rounds, seconds, connections, generator, http2Generator, isPinned } = setup;
  const programs = [generator === 'wrk' ? 'wrk for small requests, ' : '', http2Generator === 'h2load' ? 'h2load for HTTP/2, ' : ''].join(
    '',
  );
  return {
    notes: [
      `${connections} connections that are kept, a quarter of them for 1 MiB and for HTTP/2, where each has ${STREAMS_PER_CONNECTION} streams;`,
      `${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s in turns, medians;`,
      `load: ${programs}${programs === '' ? '' : 'else '}the lab's own generator, which compares every byte;`,
      isPinned ? 'proxies bound to one core, load and host to another;' : 'nothing bound to a core;',
      'cpu: user and system time of the proxy, all threads; the kernel samples the split; x: as a multiple of that proxy;',
      'busy: its share of one core',
    ],
    tables: workloads.map(({ name, proxies }) => tableOf(name, proxies)),
    goals: workloads.flatMap(({ name, proxies }) => goalsOf(name, proxies)),
    wrong,
    figures: { ...setup, workloads },
  };
}

/** A multiple is not finite (null in the JSON) if the other proxy was not measured, or not for long enough. */
type Figures = Readonly<
  Record<
    | 'cpuMicros'
    | 'cpuMicrosMin'
    | 'cpuMicrosMax'
    | 'userMicros'
    | 'systemMicros'
    | 'ofBare'
    | 'ofNginx'
    | 'ofHaproxy'
    | 'perSecond'
    | 'perSecondMin'
    | 'perSecondMax'
    | 'busy',
    number
  >
> & { readonly name: string };

function figuresOf(samples: WorkloadSamples['samples']): Figures[] {
  const microsOf = (name: string): number[] => (samples.get(name) ?? []).map(({ userMicros, systemMicros }) => userMicros + systemMicros);
  return [...samples].map(([name, list]) => {
    const micros = microsOf(name);
    const rates = list.map(({ perSecond }) => perSecond);
    const multipleOf = (other: string): number => rounded(median(micros) / median(microsOf(other)), 2);
    return {
      name,
      cpuMicros: rounded(median(micros), 1),
      cpuMicrosMin: rounded(Math.min(...micros), 1),
      cpuMicrosMax: rounded(Math.max(...micros), 1),
      userMicros: rounded(median(list.map(({ userMicros }) => userMicros)), 1),
      systemMicros: rounded(median(list.map(({ systemMicros }) => systemMicros)), 1),
      ofBare: multipleOf(PEER.bare),
      ofNginx: multipleOf(PEER.nginx),
      ofHaproxy: multipleOf(PEER.haproxy),
      perSecond: Math.round(median(rates)),
      perSecondMin: Math.round(Math.min(...rates)),
      perSecondMax: Math.round(Math.max(...rates)),
      busy: rounded(median(list.map(({ busy }) => busy)), 2),
    };
  });
}

function tableOf(name: WorkloadName, proxies: readonly Figures[]): Rows {
  const { title, unit } = WORKLOAD_OF[name];
  const multiple = (value: number): string | number => (Number.isFinite(value) ? value : '-');
  return [
    [title, `cpu µs/${unit}`, 'min', 'max', 'user + kernel', 'x bare', 'x nginx', 'x haproxy', `${unit}s/s`, 'min', 'max', 'busy'],
    ...proxies.map((proxy) => [
      proxy.name,
      proxy.cpuMicros,
      proxy.cpuMicrosMin,
      proxy.cpuMicrosMax,
      `${proxy.userMicros.toFixed(1)} + ${proxy.systemMicros.toFixed(1)}`,
      multiple(proxy.ofBare),
      multiple(proxy.ofNginx),
      multiple(proxy.ofHaproxy),
      proxy.perSecond,
      proxy.perSecondMin,
      proxy.perSecondMax,
      proxy.busy,
    ]),
  ];
}

function goalsOf(workload: WorkloadName, proxies: readonly Figures[]): Goal[] {
  const microsOf = (wanted: ProxyName): number | undefined => proxies.find(({ name }) => name === wanted)?.cpuMicros;
  const ours = microsOf(PEER.ours) ?? Number.NaN;
  return GOALS.filter((goal) => goal.workload === workload).map(({ of, limit }) => {
    const other = microsOf(of);
    const what = `${WORKLOAD_OF[workload].title}: meercat's CPU as a multiple of that of ${of}`;
    const lack =
      other === undefined ? `${of} is not installed` : other === 0 ? `too short a run for the CPU time of ${of}, see --seconds` : undefined;
    return unlessLacking(lack, goalBelow(what, rounded(ours / (other ?? Number.NaN), 2), limit, '', true));
  });
}
