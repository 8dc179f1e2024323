// An earlier run of `bench fleet` as a file: what was written is read again, and whatever else is in a file is refused
// with the name of the field, or shown without harm.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../../lib/errors.js';
import type { ProofFigures } from '../../../lib/lab/proof/figures.js';
import { proofHtml } from '../../../lib/lab/proof/html.js';
import { proofMarkdown } from '../../../lib/lab/proof/markdown.js';
import type { SetupWithRungs } from '../../../lib/lab/proof/metric.js';
import { readProofFigures, readProofRun } from '../../../lib/lab/proof/read-figures.js';
import { reportProof } from '../../../lib/lab/proof/report.js';
import { formatReport } from '../../../lib/lab/report.js';
import { MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: earlier runs');

const ABOUT = { version: '0.1.0', machine: 'a machine', startedAt: '2026-11-30T12:00:00.000Z', seconds: 420 };

/** What the benchmark prints. */
const printed = (figures: ProofFigures): string =>
  JSON.stringify({
    bench: 'fleet',
    version: '0.1.0',
    startedAt: ABOUT.startedAt,
    seconds: 420,
    machine: { node: 'v20.20.2', platform: 'linux x64', cpu: 'A CPU', cores: 2, othersCores: 0.1 },
    goals: [],
    wrong: [],
    figures: reportProof(figures).figures,
  });

/** The message of the refusal. */
function refusal(text: string): string {
  try {
    readProofFigures(text, '--from run.json');
  } catch (error) {
    assert.instance(error, MeercatError);
    assert.is((error as MeercatError).code, 'MEERCAT_BAD_CONFIG');
    return (error as MeercatError).message;
  }
  return '';
}

type Path = readonly (string | number)[];

/** A copy of the figures in which this place has another value; `undefined` removes it. */
function withValue(path: Path, value: unknown, figures: ProofFigures = MADE_UP): unknown {
  const copy = structuredClone(figures) as unknown as Record<string | number, unknown>;
  let place = copy;
  for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>;
  place[path.at(-1) as string] = value;
  return copy;
}

/** The places of all values that are not objects. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, each]) => leavesOf(each, [...path, Array.isArray(value) ? Number(key) : key]));
}

test('what the benchmark prints is read again, with version, machine and time', () => {
  const { figures, about } = readProofRun(printed(MADE_UP));
  assert.equal(figures, MADE_UP);
  assert.equal(about, { ...ABOUT, machine: '2 cores of A CPU, linux x64, Node v20.20.2, while other processes used 0.1 cores' });
  assert.equal(readProofFigures(JSON.stringify(MADE_UP)), MADE_UP);
});

test('what was not measured is null in the JSON, and not a number again when read', () => {
  const unmeasured = { median: Number.NaN, least: Number.NaN, most: Number.NaN };
  const [first, ...rest] = MADE_UP.contestants;
  const figures = { ...MADE_UP, contestants: [{ ...(first as (typeof MADE_UP.contestants)[0]), highestPerSecond: unmeasured }, ...rest] };
  assert.equal(readProofRun(printed(figures)).figures.contestants[0]?.highestPerSecond, unmeasured);
  assert.is(readProofRun(printed({ ...MADE_UP, simulation: null })).figures.simulation, null);
});

test('the steps of the search and the notes of a run are read again', () => {
  const setup: SetupWithRungs = { ...MADE_UP.setup, rungs: [100, 200.5], notes: ['pooled'] };
  const figures = { ...MADE_UP, setup };
  assert.equal(readProofFigures(JSON.stringify(figures)), figures);
  assert.match(refusal(JSON.stringify({ ...MADE_UP, setup: { ...setup, rungs: [1, 'x'] } })), /: setup\.rungs\.1: a number from 0 to /);
  assert.match(proofHtml(figures, ABOUT), /<li>pooled\.<\/li>/);
});

test('what a fault did besides is read again where a run has it, and bounded', () => {
  const one = { median: 10, least: 5, most: 20 };
  const faults = MADE_UP.faults.map((fault) => ({ ...fault, worstMs: one, unrecovered: 1, startedAfterMs: one }));
  const figures = { ...MADE_UP, faults };
  assert.equal(readProofFigures(JSON.stringify(figures)), figures);
  assert.match(refusal(JSON.stringify(withValue(['faults', 0, 'unrecovered'], -1, figures))), /: faults\[0\]\.unrecovered: /);
  assert.match(refusal(JSON.stringify(withValue(['faults', 0, 'worstMs'], 7, figures))), /: faults\[0\]\.worstMs: /);
});

test('a field that a later version adds is ignored', () => {
  assert.equal(readProofFigures(JSON.stringify({ ...MADE_UP, later: { a: 1 } })), MADE_UP);
});

test('a file that is no run is refused with the field and what it should be', () => {
  for (const [text, message] of [
    ['', /^--from run\.json: no JSON \(/],
    ['[]', /^--from run\.json: an object, not a list of 0$/],
    ['null', /^--from run\.json: an object, not null$/],
    ['{}', /^--from run\.json: setup: an object, not absent$/],
    ['{"bench":"policies","figures":{}}', /^--from run\.json: bench: a run of the benchmark fleet, not "policies"$/],
    ['{"bench":"fleet","figures":7}', /^--from run\.json: figures: an object, not 7$/],
    [`{"figures":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /^--from run\.json: figures: an object, not a list of 1$/],
  ] as const)
    assert.match(refusal(text), message);
});

test('a field of another type or out of its bounds is refused by its name', () => {
  for (const [path, value, message] of [
    [['setup', 'quota'], 'none', /: setup\.quota: one of cgroup-v2, cgroup-v1, taskset, not "none"$/],
    [['setup', 'rounds'], 0, /: setup\.rounds: a number from 1 to 1000000, not 0$/],
    [['setup', 'rounds'], 1.5, /: setup\.rounds: a whole number /],
    [['setup', 'command'], 'a\u001b[31m', /: setup\.command: a text without control characters/],
    [['setup', 'command'], 'x'.repeat(5000), /: setup\.command: a text of at most 1000 characters, not "x{59}…$/],
    [['setup', 'leftOut'], {}, /: setup\.leftOut: a list, not an object$/],
    [['setup', 'leftOut', 0], 7, /: setup\.leftOut\.0: a text/],
    [['setup', 'slo', 'errors'], 2, /: setup\.slo\.errors: a number from 0 to 1, not 2$/],
    [['contestants'], Array.from({ length: 2001 }, () => ({})), /: contestants: a list of at most 2000, not a list of 2001$/],
    [['contestants', 3, 'program'], 'caddy', /: contestants\[3\]\.program: one of meercat, haproxy, nginx, floor, not "caddy"$/],
    [['contestants', 3, 'comparisons', 0], 'both', /: contestants\[3\]\.comparisons: a list of total, each, not a list of 1$/],
    [['contestants', 3, 'loads', 1, 'p99Ms'], 7, /: contestants\[3\]\.loads\[1\]\.p99Ms: an object, not 7$/],
    [['contestants', 3, 'loads', 1, 'p99Ms', 'least'], 1e6, /\.loads\[1\]\.p99Ms\.least: at most the median, 168, not 1000000$/],
    [['contestants', 3, 'loads', 1, 'p99Ms', 'most'], 0, /\.loads\[1\]\.p99Ms\.most: at least the median, 168, not 0$/],
    [['contestants', 3, 'loads', 1, 'p99Ms', 'median'], -1, /\.loads\[1\]\.p99Ms\.median: a number from 0 to /],
    [['contestants', 3, 'loads', 1, 'errors', 'most'], 1.5, /\.loads\[1\]\.errors\.most: a number from 0 to 1, not 1\.5$/],
    [['contestants', 3, 'memoryMiB'], '90', /: contestants\[3\]\.memoryMiB: a number from 0 to /],
    [['faults', 0, 'fault'], 'kill everything', /: faults\[0\]\.fault: one of kill a balancer, /],
    [['faults', 0, 'rounds'], undefined, /: faults\[0\]\.rounds: a number from 1 to 1000000, not absent$/],
    [['simulation'], undefined, /: simulation: an object, not absent$/],
    [['simulation', 'scaling', 2, 'cpu'], null, /: simulation\.scaling\[2\]\.cpu: one of total, each, whole, not null$/],
    [['simulation', 'limits', 0], null, /: simulation\.limits\.0: a text/],
  ] as const)
    assert.match(refusal(JSON.stringify(withValue(path, value))), message);
});

test('any JSON at all is refused in a short message', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const message = refusal(JSON.stringify(value));
      assert.ok(message.startsWith('--from run.json') && message.length < 500, message);
    }),
  );
});

const HOSTILE: readonly unknown[] = [
  null,
  undefined,
  0,
  -1,
  1e12,
  1e308,
  1e-300,
  1.5,
  true,
  '',
  '__proto__',
  '</script><script>boom()</script>',
  '<!--',
  '`|\\"\'&#60;',
  'x'.repeat(2000),
  [],
  {},
];

/** One balancer and one fleet, one fault of each and one simulated fleet: every field, and little else. */
const SMALL: ProofFigures = {
  ...MADE_UP,
  contestants: MADE_UP.contestants
    .filter(({ program, comparisons }) => program === 'meercat' && comparisons.includes('each'))
    .map((each) => Object.assign({}, each, { loads: each.loads.slice(-1) })),
  faults: MADE_UP.faults.filter(({ program, fault }) => program === 'meercat' && fault === 'kill a balancer'),
  simulation: {
    ...(MADE_UP.simulation as NonNullable<ProofFigures['simulation']>),
    scaling: MADE_UP.simulation?.scaling.slice(0, 2) ?? [],
  },
};

test('a run with any value in any field is refused by name, or shown: no NaN, no markup, no failure', () => {
  let [refused, shown] = [0, 0];
  for (const path of leavesOf(SMALL)) {
    for (const value of HOSTILE) {
      const text = JSON.stringify(withValue(path, value, SMALL));
      const where = `${path.join('.')} = ${String(JSON.stringify(value)).slice(0, 40)}`;
      const message = refusal(text);
      if (message !== '') {
        assert.ok(message.includes(String(path.at(-1))) || message.includes(String(path.at(-2))), `${where}: ${message}`);
        refused++;
        continue;
      }
      const { figures } = readProofRun(text);
      const html = proofHtml(figures, ABOUT);
      const markup = html.replaceAll(/<(script|style)[^]*?<\/\1>/g, '');
      for (const each of [markup, formatReport('fleet', reportProof(figures)), proofMarkdown(figures, ABOUT)])
        assert.not.match(each, /\bNaN\b|\bundefined\b|\[object|\bInfinity\b/, where);
      assert.not.match(html, /boom\(\)<\/script>/, where);
      assert.is(html.match(/<script/g)?.length, 4, where);
      shown++;
    }
  }
  assert.ok(refused > 500 && shown > 300, `${refused} refused, ${shown} shown`);
});

test.run();
