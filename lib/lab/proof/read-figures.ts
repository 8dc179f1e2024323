// Reads the JSON of an earlier `bench fleet`: the line that the benchmark prints, or its figures alone. Every field that
// the report reads is checked; an error names the field. What it returns is a copy that contains nothing else.

import { MeercatError, messageOf } from '../../errors.js';
import { COMPARISONS, FAULT_KINDS } from './contests.js';
import { FigureFields } from './figure-fields.js';
import type {
  Calibration,
  Comparison,
  ContestantFigures,
  FaultFigures,
  LoadFigures,
  ProofFigures,
  Program,
  QuotaKind,
  ScalingPoint,
  SimulationFigures,
} from './figures.js';
import type { SetupWithRungs } from './metric.js';

/** What is known of a run besides its figures. */
export interface ProofAbout {
  readonly version: string;
  readonly machine: string;
  readonly startedAt: string;
  readonly seconds: number;
}

/** An earlier run. */
export interface ProofRun {
  readonly figures: ProofFigures;
  readonly about: ProofAbout;
}

const PROGRAMS: readonly Program[] = ['meercat', 'haproxy', 'nginx', 'floor'];
const QUOTAS: readonly QuotaKind[] = ['cgroup-v2', 'cgroup-v1', 'taskset'];
const CPUS: readonly ScalingPoint['cpu'][] = ['total', 'each', 'whole'];

/** Largest number of balancers, hosts or rounds of a run. */
const MAX_COUNT = 1_000_000;

/** The figures of a run's JSON; `where` stands in errors. Throws MEERCAT_BAD_CONFIG. */
export function readProofFigures(text: string, where = 'figures'): ProofFigures {
  return readProofRun(text, where).figures;
}

/** A run's JSON, with what it says of version, machine and time; `unknown` where it says nothing. Throws MEERCAT_BAD_CONFIG. */
export function readProofRun(text: string, where = 'figures'): ProofRun {
  const root = new FigureFields(parse(text, where), `${where}:`);
  if (!root.has('figures')) return { figures: figuresOf(root), about: UNKNOWN };
  if (root.has('bench') && !['fleet', 'proof'].includes(root.text('bench', null))) root.refuse('bench', 'a run of the benchmark fleet');
  return {
    figures: figuresOf(root.child('figures')),
    about: {
      version: root.has('version') ? root.line('version') : UNKNOWN.version,
      machine: root.has('machine') ? machineText(root.child('machine')) : UNKNOWN.machine,
      startedAt: root.has('startedAt') ? root.line('startedAt') : UNKNOWN.startedAt,
      seconds: root.has('seconds') ? root.figure('seconds') : UNKNOWN.seconds,
    },
  };
}

const UNKNOWN: ProofAbout = { version: 'unknown', machine: 'unknown', startedAt: 'unknown', seconds: Number.NaN };

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${where}: no JSON (${messageOf(error)})`);
  }
}

/** The machine of a benchmark's JSON in words. */
function machineText(machine: FigureFields): string {
  const line = (name: string): string => (machine.has(name) ? machine.line(name) : '');
  const cores = machine.has('cores') ? `${machine.integer('cores', null, 1, MAX_COUNT)} cores` : '';
  const cpu = [cores, line('cpu')].filter((each) => each !== '').join(' of ');
  const node = line('node');
  const others = machine.has('othersCores') ? machine.figure('othersCores') : Number.NaN;
  const busy = others > 0 ? `while other processes used ${others} cores` : '';
  return [cpu, line('platform'), node === '' ? '' : `Node ${node}`, busy].filter((each) => each !== '').join(', ') || UNKNOWN.machine;
}

function figuresOf(fields: FigureFields): ProofFigures {
  return {
    setup: setupOf(fields.child('setup')),
    contestants: fields.items('contestants', contestantOf),
    faults: fields.items('faults', faultOf),
    simulation: fields.isNull('simulation') ? null : simulationOf(fields.child('simulation')),
  };
}

function setupOf(fields: FigureFields): SetupWithRungs {
  const slo = fields.child('slo');
  return {
    command: fields.line('command'),
    hosts: countOf(fields, 'hosts'),
    rounds: countOf(fields, 'rounds'),
    seconds: fields.setting('seconds'),
    seed: fields.setting('seed', -1e12),
    cpu: fields.setting('cpu'),
    cpuEach: fields.setting('cpuEach'),
    quota: fields.choice('quota', null, QUOTAS),
    slo: { timesFloor: slo.setting('timesFloor'), errors: slo.setting('errors', 0, 1) },
    hostsPerSecond: fields.setting('hostsPerSecond'),
    redis: fields.line('redis'),
    leftOut: fields.lines('leftOut'),
    ...(fields.has('rungs') ? { rungs: fields.numbers('rungs') } : {}),
    ...(fields.has('notes') ? { notes: fields.lines('notes') } : {}),
  };
}

function contestantOf(fields: FigureFields): ContestantFigures {
  return {
    name: fields.line('name'),
    program: fields.choice('program', null, PROGRAMS),
    balancers: countOf(fields, 'balancers', 0),
    comparisons: fields.lines('comparisons').map((each) => {
      if (!COMPARISONS.includes(each as Comparison)) fields.refuse('comparisons', `a list of ${COMPARISONS.join(', ')}`);
      return each as Comparison;
    }),
    cpuEach: fields.figureOrNull('cpuEach'),
    highestPerSecond: fields.spread('highestPerSecond'),
    loads: fields.items('loads', loadOf),
    memoryMiB: fields.figure('memoryMiB'),
  };
}

function loadOf(fields: FigureFields): LoadFigures {
  return {
    percent: fields.setting('percent'),
    perSecond: fields.setting('perSecond'),
    p50Ms: fields.spread('p50Ms'),
    p99Ms: fields.spread('p99Ms'),
    p999Ms: fields.spread('p999Ms'),
    errors: fields.spread('errors', 0, 1),
    hostMaxOverMean: fields.spread('hostMaxOverMean'),
    jain: fields.spread('jain'),
    cpuMicros: fields.spread('cpuMicros'),
    coordinationCores: fields.spreadOrNull('coordinationCores'),
    messagesPerSecond: fields.spreadOrNull('messagesPerSecond'),
    addedP50Ms: fields.spread('addedP50Ms', -1e12),
  };
}

function faultOf(fields: FigureFields): FaultFigures {
  return {
    contestant: fields.line('contestant'),
    program: fields.choice('program', null, PROGRAMS),
    balancers: countOf(fields, 'balancers'),
    fault: fields.choice('fault', null, FAULT_KINDS),
    perSecond: fields.setting('perSecond'),
    rounds: countOf(fields, 'rounds'),
    lost: fields.spread('lost'),
    recoverMs: fields.spread('recoverMs'),
    clientsNoticing: fields.spread('clientsNoticing', 0, 1),
    // Earlier runs lack these.
    ...(fields.has('worstMs') ? { worstMs: fields.spread('worstMs') } : {}),
    ...(fields.has('unrecovered') ? { unrecovered: fields.setting('unrecovered') } : {}),
    ...(fields.has('startedAfterMs') ? { startedAfterMs: fields.spread('startedAfterMs') } : {}),
  };
}

function simulationOf(fields: FigureFields): SimulationFigures {
  const costs = fields.child('costs');
  return {
    costs: {
      requestMicros: costs.figure('requestMicros'),
      // Older runs counted it as part of the request.
      wakeMicros: costs.has('wakeMicros') ? costs.figure('wakeMicros') : 0,
      coolMs: costs.has('coolMs') ? costs.figure('coolMs') : 0,
      slaveCores: costs.figure('slaveCores'),
      masterCores: costs.figure('masterCores'),
      masterMessageMicros: costs.figure('masterMessageMicros'),
      redisMessageMicros: costs.figure('redisMessageMicros'),
    },
    calibration: fields.items(
      'calibration',
      (each): Calibration => ({
        what: each.line('what'),
        balancers: countOf(each, 'balancers'),
        real: each.figure('real'),
        simulated: each.figure('simulated'),
      }),
    ),
    scaling: fields.items(
      'scaling',
      (each): ScalingPoint => ({
        balancers: countOf(each, 'balancers'),
        hosts: countOf(each, 'hosts'),
        cpu: each.choice('cpu', null, CPUS),
        clients: each.line('clients'),
        highestPerSecond: each.figure('highestPerSecond'),
        p50Ms: each.figure('p50Ms'),
        p99Ms: each.figure('p99Ms'),
        messagesPerSecond: each.figure('messagesPerSecond'),
        masterCores: each.figure('masterCores'),
        redisCores: each.figure('redisCores'),
      }),
    ),
    limits: fields.lines('limits'),
  };
}

function countOf(fields: FigureFields, name: string, least = 1): number {
  return fields.integer(name, null, least, MAX_COUNT);
}
