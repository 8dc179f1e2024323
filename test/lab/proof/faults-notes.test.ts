// The sentences about how faults were tried.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { faultNotes } from '../../../lib/lab/proof/faults-notes.js';
import type { FaultFigures, Program } from '../../../lib/lab/proof/figures.js';

const test = suite('notes on faults');

const ONE = { median: 1, least: 1, most: 1 };
const figuresOf = (program: Program): FaultFigures => ({
  contestant: program,
  program,
  balancers: 1,
  fault: 'rolling restart',
  perSecond: 123,
  rounds: 1,
  lost: ONE,
  recoverMs: ONE,
  clientsNoticing: ONE,
});

test('they name the load and how each program that took part was restarted, and nothing without figures', () => {
  assert.equal(faultNotes([]), []);
  const ours = faultNotes([figuresOf('meercat')]).join('\n');
  assert.match(ours, /123 requests\/s.* 64 clients/);
  assert.not.match(ours, /HAProxy|nginx/);
  const all = faultNotes((['meercat', 'haproxy', 'nginx'] as const).map(figuresOf)).join('\n');
  assert.match(all, /Meercat stops on SIGTERM.*; HAProxy reloads .*; nginx reloads /);
});

test('they say how long after its kill each program was started again', () => {
  const killed = (program: Program, least: number, most: number): FaultFigures => ({
    ...figuresOf(program),
    fault: 'kill a balancer',
    startedAfterMs: { median: least, least, most },
  });
  const text = faultNotes([killed('meercat', 4, 6), killed('meercat', 2.4, 5), killed('nginx', 7, 9), figuresOf('haproxy')]).join('\n');
  assert.match(text, /\(meercat 2 to 6 ms after the kill, nginx 7 to 9 ms after the kill\)/);
  assert.not.match(faultNotes([figuresOf('meercat')]).join('\n'), /after the kill/);
});

test.run();
